"""How lenders and firms respond: the closed-form offer, the pass over the firms, macro states, levers."""
