"""Label formats at the rim of the house: each reads into, or is written from, `segloop.data.annotations`."""
