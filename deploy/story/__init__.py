"""A believable province, made from a seed: what district systems publish and what officers do. It does no I/O."""
