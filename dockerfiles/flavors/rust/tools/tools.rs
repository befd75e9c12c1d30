//! Holds nothing: cargo only needs a target.
