<?php
/** The few functions of WordPress, WooCommerce and Subscriptions that the sample calls, with real HTTP; runs one order through it. */

define('ABSPATH', __DIR__);
define('INTERDICT_URL', getenv('INTERDICT_URL'));

$GLOBALS['hooks'] = [];
function add_action(string $name, callable $run, int $priority = 10): void { $GLOBALS['hooks'][$name][$priority][] = $run; }
function do_action(string $name, ...$with): void {
    $hooks = $GLOBALS['hooks'][$name] ?? [];
    ksort($hooks);
    foreach ($hooks as $same) { foreach ($same as $run) { $run(...$with); } }
}
function apply_filters(string $name, $value) { return $value; }

final class WP_Error {}
function is_wp_error($thing): bool { return $thing instanceof WP_Error; }
function wp_remote_post(string $url, array $args) {
    $headers = '';
    foreach ($args['headers'] as $name => $value) { $headers .= "$name: $value\r\n"; }
    $context = stream_context_create(['http' => ['method' => 'POST', 'header' => $headers, 'content' => $args['body'],
        'timeout' => min(1, $args['timeout']), 'follow_location' => $args['redirection'], 'ignore_errors' => true]]);
    $body = @file_get_contents($url, false, $context);
    if ($body === false) { return new WP_Error(); }
    return ['code' => (int) explode(' ', $http_response_header[0])[1], 'body' => $body];
}
function wp_remote_retrieve_body($answer): string { return $answer['body']; }
function wp_remote_retrieve_response_code($answer): int { return $answer['code']; }

final class Product { public function __construct(private string $sku) {} public function get_sku() { return $this->sku; } }
final class Item {
    public function __construct(private string $sku, private string $name, private int $quantity) {}
    public function get_product() { return new Product($this->sku); }
    public function get_name() { return $this->name; }
    public function get_quantity() { return $this->quantity; }
}
class WC_Order {
    public array $notes = [];
    private array $changes = [];
    private array $meta = [];
    public function __construct(private array $data, private string $status = 'pending') {}
    public function get_id() { return 1001; }
    public function get_items() { return [new Item('KL1047GDEFS', 'Kaspersky Premium', 1)]; }
    public function get_created_via() { return $this->data['via']; }
    public function get_customer_ip_address() { return $this->data['ip']; }
    public function get_billing_country() { return $this->data['country']; }
    public function get_billing_state() { return ''; }
    public function get_shipping_country() { return ''; }
    public function get_shipping_state() { return ''; }
    public function get_billing_email() { return 'a@example.de'; }
    public function get_meta($key) { return $this->meta[$key] ?? ''; }
    public function update_meta_data($key, $value) { $this->meta[$key] = $value; }
    public function get_changes() { return $this->changes; }
    public function get_status() { return $this->status; }
    public function set_status($status, $note = '') { $this->status = $status; $this->changes['status'] = $status; if ($note) { $this->notes[] = $note; } }
    public function save() { do_action('woocommerce_before_order_object_save', $this); $this->changes = []; }
}
final class Subscription {
    public function __construct(public WC_Order $parent, public WC_Order $renewal) {}
    public function get_parent() { return $this->parent; }
    public function get_last_order($what, $kind) { return $this->renewal; }
}
function wcs_get_subscription($id) { return $GLOBALS['subscription']; }
function wcs_get_subscriptions_for_renewal_order($order) {
    $subscription = $GLOBALS['subscription'];
    return $subscription && $order === $subscription->renewal ? [$subscription] : [];
}

require dirname(__DIR__, 2) . '/deploy/server-side/interdict-woocommerce.php';

// shop.php renewal|order COUNTRY IP VIA [release]
[, $what, $country, $ip, $via] = $argv;
$placed = new WC_Order(['country' => $country, 'ip' => $ip, 'via' => $via]);
$charged = false;
if ($what === 'renewal') {
    // The scheduler ran because of a US visitor, whose address WooCommerce noted on the renewal order.
    $order = new WC_Order(['country' => $country, 'ip' => '198.51.100.9', 'via' => 'subscription']);
    $GLOBALS['subscription'] = new Subscription($placed, $order);
    add_action('woocommerce_scheduled_subscription_payment', function () use (&$charged): void { $charged = true; }, 10);
    try { do_action('woocommerce_scheduled_subscription_payment', 7); } catch (RuntimeException $held) {}
    if ($charged) { $order->set_status('processing'); $order->save(); }
} else {
    $GLOBALS['subscription'] = null;
    $order = $placed;
    $order->set_status('processing');
    $order->save();
    if (($argv[5] ?? '') !== '') {
        $order->update_meta_data('_interdict_release', $argv[5] === 'release' ? $order->get_meta('_interdict_decision') : $argv[5]);
        $order->set_status('processing');
        $order->save();
    }
}
echo json_encode(['status' => $order->get_status(), 'charged' => $charged, 'notes' => $order->notes, 'decision' => $order->get_meta('_interdict_decision')]);
