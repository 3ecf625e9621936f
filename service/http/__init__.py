"""What is HTTP alone: a request comes in at `edge`, meets its route in `routes`, is read by `bodies` and `schemas`."""
