"""What a vector file is made of, how one is stored, checked, shown and verified."""
