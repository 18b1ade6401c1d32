//! When things run: the desk in front, the runner behind.
