//! Watching the API server. Read in this order:
//!
//! 1. [`source`]: which objects: kinds, namespaces, labels;
//! 2. [`reflect`]: keeping a cache of them and telling of each change;
//! 3. [`seen`]: telling a change that matters from one that does not.

pub mod reflect;
pub mod seen;
pub mod source;

pub use reflect::{Change, observe, reflect};
pub use seen::Seen;
pub use source::{Namespaces, Source};
