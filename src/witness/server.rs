//! The witness's HTTP interface (C2SP tlog-witness): one prefix for submissions and for monitors.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::App;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;

use super::cosigner::Refusal;
use super::cosigner::Witness;

/// Bytes of a request: 63 hashes, and a checkpoint with 16 signatures of 5 kB, which verifiers must take.
const LONGEST: usize = 128 * 1024;
/// How long a request's body may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once; a log needs one.
const CONNECTIONS: usize = 1024;
const TEXT: &str = "text/plain; charset=utf-8";

/// Binds the address and serves the witness until SIGTERM or SIGINT; returns the address bound.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(address: SocketAddr, witness: Witness) -> std::io::Result<(Server, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    let bound = socket.local_addr()?;
    let witness = web::Data::new(witness);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::clone(&witness))
            .service(web::resource("/add-checkpoint").route(web::post().to(add_checkpoint)))
            .service(web::resource("/{hash}/checkpoint").route(web::get().to(checkpoint)))
    })
    .workers(2)
    .max_connections(CONNECTIONS)
    .client_request_timeout(PATIENCE)
    .shutdown_timeout(5)
    .listen(socket)?
    .run();
    Ok((server, bound))
}

async fn add_checkpoint(witness: web::Data<Witness>, payload: web::Payload) -> HttpResponse {
    let whole = tokio::time::timeout(PATIENCE, payload.to_bytes_limited(LONGEST)).await;
    let body = match whole {
        Err(_) => return told(StatusCode::REQUEST_TIMEOUT, "the request came too slowly"),
        Ok(Err(_)) => return told(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long"),
        Ok(Ok(Err(_))) => return told(StatusCode::BAD_REQUEST, "the request broke off"),
        Ok(Ok(Ok(body))) => body,
    };
    let witness = witness.into_inner();
    // It waits for the disk.
    let answered = web::block(move || match std::str::from_utf8(&body) {
        Ok(body) => witness.add_checkpoint(body),
        Err(_) => Err(Refusal::Malformed("the request is not UTF-8".to_owned())),
    });
    match answered.await {
        Ok(Ok(lines)) => HttpResponse::Ok().content_type(TEXT).body(lines),
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => refused(&Refusal::Unkept),
    }
}

async fn checkpoint(witness: web::Data<Witness>, hash: web::Path<String>) -> HttpResponse {
    match witness.checkpoint(&hash) {
        Some(note) => HttpResponse::Ok()
            .content_type(TEXT)
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .body(note),
        None => told(StatusCode::NOT_FOUND, "no checkpoint of such a log was cosigned here"),
    }
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let status = match refusal {
        Refusal::Conflict { size } => {
            let body = format!("{size}\n");
            return HttpResponse::Conflict().content_type("text/x.tlog.size").body(body);
        }
        Refusal::Inconsistent(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::UnknownLog(_) => StatusCode::NOT_FOUND,
        Refusal::Unkept => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::Unsigned(_) => StatusCode::FORBIDDEN,
    };
    told(status, &refusal.to_string())
}

fn told(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status).content_type(TEXT).body(format!("{detail}\n"))
}
