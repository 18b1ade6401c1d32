//! The outside world, called with an operation key.
