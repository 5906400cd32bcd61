"""O/TWAMP on a network: reports of connections, passive and active, and captures of them."""
