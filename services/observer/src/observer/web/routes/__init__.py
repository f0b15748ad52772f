"""One file per noun of the API. A route reads the room, calls one function, and says the answer's shape."""
