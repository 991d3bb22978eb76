//! The front end over a real socket, with a real broker behind it, through the generated client.

mod bad_calls;
mod endings;
mod messages;
mod ordering;
mod refusals;
mod resources;
mod server;
mod serving;
mod stream;
mod streaming;
mod unimplemented;
mod updates;
