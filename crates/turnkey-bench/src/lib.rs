//! Load over real sockets, quoted as ratios.
