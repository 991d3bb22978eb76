//! The command line tool `postroad` as a library. Read in this order:
//!
//! 1. [`documents`]: YAML files into declared resources, or what is wrong with them and where; pure;
//! 2. [`dev`]: `postroad dev`, one broker in this process with the resources of files.

pub mod dev;
pub mod documents;
