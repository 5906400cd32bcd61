"""Test vectors for the security of OWAMP and TWAMP, made from `owamp_reference`."""
