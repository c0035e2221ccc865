//! What the way out promises: the table of outcomes row by row, the bucket's bound over seeds, circuits, and the whole over real
//! loopback sockets.
