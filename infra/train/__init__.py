"""How the bundled page models are made: data, training and shipping; no part of the product."""
