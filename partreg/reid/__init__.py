"""The network, the loss, training, features and activation maps (Section 3.2, 3.3 and Figure 5)."""
