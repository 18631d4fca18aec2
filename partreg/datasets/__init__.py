"""Section 4.1: images with identities, one table whatever the layout on disk; checking a folder before training."""
