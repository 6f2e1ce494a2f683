//! The client against small servers on real sockets.

mod behind_actix;
mod body;
mod failure;
mod fetch;
mod health;
mod reuse;
mod support;
mod tls;
