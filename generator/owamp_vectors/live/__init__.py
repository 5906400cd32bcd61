"""O/TWAMP on a network: reports of connections, passive and active, and captures of them.

`probe` uses `observe`, which uses `capture`, which uses `net`; `serve` uses `capture` and `net`.
"""
