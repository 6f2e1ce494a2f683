<?php
/**
 * The receiver of [notify]: verifies a message (Standard Webhooks) and notes the hold, which fulfilment looks for.
 *
 * Serve it over TLS. NOTIFY_KEY is the file with the secret, HOLDS a folder; fulfilment delivers nothing for an order
 * while HOLDS/<order>.json exists, and a person who has looked removes that file.
 */

/** The document, if one of the signatures is ours and fresh. */
function interdict_verified(string $secret, array $headers, string $body, int $now): ?array
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    $key = base64_decode(preg_replace('/^whsec_/', '', trim($secret)), true);
    if (!$key || $id === '' || !ctype_digit($timestamp) || abs($now - (int) $timestamp) > 300) {
        return null;
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        if (hash_equals($expected, $signature)) {
            $document = json_decode($body, true);
            return is_array($document) && ($document['data']['id'] ?? null) === $id ? $document : null;
        }
    }
    return null;
}

if (PHP_SAPI !== 'cli' || getenv('INTERDICT_RECEIVE')) {
    $headers = [];
    foreach (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as $name) {
        $headers[$name] = $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? '';
    }
    $document = interdict_verified(
        (string) file_get_contents((string) getenv('NOTIFY_KEY')),
        $headers,
        (string) file_get_contents('php://input'),
        time()
    );
    if ($document === null) {
        http_response_code(401);
        exit;
    }
    // Told twice is held once: the name is that of the order, or of the decision where no order is known.
    $data = $document['data'];
    $order = $data['subject']['order'] ?? $data['subject']['id'] ?? $data['id'];
    $name = preg_replace('/[^A-Za-z0-9-]/', '_', (string) $order);
    $written = file_put_contents(getenv('HOLDS') . "/$name.json", json_encode($document), LOCK_EX);
    // A hold that is not kept is told again.
    http_response_code($written === false ? 500 : 204);
}
