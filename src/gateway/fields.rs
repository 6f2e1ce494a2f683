//! The seam between actix's header fields (http 0.2) and hyper's (http 1).
//!
//! Values are copied once, into one block of memory that all of them share.

use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;

/// Fields on their way to hyper.
#[derive(Debug)]
pub(super) struct Sending {
    block: BytesMut,
    fields: http::HeaderMap,
}

impl Sending {
    /// Room for so many fields, their values so many bytes in all.
    pub(super) fn with_capacity(fields: usize, bytes: usize) -> Self {
        let fields = http::HeaderMap::with_capacity(fields);
        Self { block: BytesMut::with_capacity(bytes), fields }
    }

    /// Adds a received field. What one library takes for a field the other does, too; were it not so, the field is left out.
    pub(super) fn append(&mut self, name: &HeaderName, value: &HeaderValue) {
        if let Ok(name) = http::HeaderName::from_bytes(name.as_str().as_bytes()) {
            self.set(name, value.as_bytes());
        }
    }

    /// Adds a field.
    pub(super) fn set(&mut self, name: http::HeaderName, value: &[u8]) {
        if let Ok(value) = http::HeaderValue::from_maybe_shared(shared(&mut self.block, value)) {
            // Only a map of more than 24,576 fields is full; no head that large is read.
            self.fields.try_append(name, value).ok();
        }
    }

    pub(super) fn into_fields(self) -> http::HeaderMap {
        self.fields
    }
}

/// Adds the fields that `passes` to those of an answer; `passes` is asked with lower-case names.
pub(super) fn copy(received: &http::HeaderMap, to: &mut HeaderMap, passes: impl Fn(&str) -> bool) {
    let mut block = BytesMut::with_capacity(received.values().map(http::HeaderValue::len).sum());
    for (name, value) in received {
        if passes(name.as_str())
            && let Ok(name) = HeaderName::from_bytes(name.as_str().as_bytes())
            && let Ok(value) = HeaderValue::from_maybe_shared(shared(&mut block, value.as_bytes()))
        {
            to.append(name, value);
        }
    }
}

fn shared(block: &mut BytesMut, value: &[u8]) -> Bytes {
    block.put_slice(value);
    block.split().freeze()
}
