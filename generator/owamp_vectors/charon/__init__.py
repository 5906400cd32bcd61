"""What the log of strongSwan's IKE daemon, charon, says of keys, computed anew."""
