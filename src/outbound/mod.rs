//! ADAPTER. How the outside is reached: the one shared HTTP client, its token buckets and circuits, and the one place where
//! outcomes are sorted. Knows no vendor.
