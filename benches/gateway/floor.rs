//! Bare actix: answers at once, forwards nothing, judges nothing, records nothing.

use std::error::Error;

use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::web;
use bytes::Bytes;

use super::load::BIG;
use super::load::BIG_BYTES;
use super::load::SMALL_BYTES;
use super::load::US;

/// Makes this program the bare server.
pub(crate) const FLAG: &str = "--floor";

const PIECE: usize = 64 * 1024;

pub(crate) fn serve(port: &str) -> Result<(), Box<dyn Error>> {
    let port: u16 = port.parse()?;
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(|| App::new().default_service(web::to(answer)))
            .workers(1)
            .bind(("127.0.0.1", port))?
            .run()
            .await
    })?;
    Ok(())
}

async fn answer(request: HttpRequest) -> HttpResponse {
    static SMALL: [u8; SMALL_BYTES] = [b'x'; SMALL_BYTES];
    static BIG_PIECE: [u8; PIECE] = [b'x'; PIECE];
    if request.headers().get("x-forwarded-for").is_some_and(|client| client == US) {
        let body = Bytes::from_static(SMALL.get(..230).unwrap_or_default());
        return HttpResponse::build(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS).body(body);
    }
    if request.path() == BIG {
        let last = BIG_BYTES % PIECE;
        let pieces = (0..BIG_BYTES / PIECE).map(|_| PIECE).chain((last > 0).then_some(last));
        let pieces = pieces.map(|size| {
            Ok::<_, std::io::Error>(Bytes::from_static(BIG_PIECE.get(..size).unwrap_or_default()))
        });
        let stream = futures_util::stream::iter(pieces);
        return HttpResponse::Ok().body(SizedStream::new(BIG_BYTES as u64, stream));
    }
    HttpResponse::Ok().body(Bytes::from_static(&SMALL))
}
