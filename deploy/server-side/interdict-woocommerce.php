<?php
/**
 * Plugin Name: Interdict for what never passes a proxy
 * Description: Asks Interdict before a subscription is charged and before an order is fulfilled; holds where it does not answer.
 *
 * Copy to wp-content/mu-plugins/. In wp-config.php: define('INTERDICT_URL', 'http://127.0.0.1:8080/v1/decide');
 * docs/server-side.md explains every choice.
 */

if (!defined('ABSPATH')) {
    exit;
}

/** The order as a transaction of POST /v1/decide. What is not known is left out: unknown is not foreign. */
function interdict_transaction(WC_Order $order, ?WC_Order $placed = null): array
{
    $known = fn(array $values): array => array_filter($values, fn($value) => $value !== '' && $value !== null);
    $items = [];
    foreach ($order->get_items() as $item) {
        $product = $item->get_product();
        $items[] = $known([
            'sku' => $product ? (string) $product->get_sku() : '',
            'name' => (string) $item->get_name(),
            'quantity' => max(1, (int) $item->get_quantity()),
        ]);
    }
    // The address of whoever placed the order. On a renewal WooCommerce notes the address that made the scheduler run,
    // which is the server's own or any visitor's; on orders of the back office and the REST API it is not the customer's either.
    $placed ??= $order;
    $by_customer = in_array($placed->get_created_via(), ['checkout', 'store-api'], true);
    $buyer = $known([
        'billing_country' => (string) $order->get_billing_country(),
        'billing_region' => (string) $order->get_billing_state(),
        'shipping_country' => (string) $order->get_shipping_country(),
        'shipping_region' => (string) $order->get_shipping_state(),
        'email' => (string) $order->get_billing_email(),
        'ip' => $by_customer ? (string) $placed->get_customer_ip_address() : '',
    ]);
    // Whoever sells the vendor's goods and is not the vendor resells, renewals included.
    $transaction = ['action' => 'resale', 'items' => $items, 'buyer' => (object) $buyer];
    return (array) apply_filters('interdict/transaction', $transaction, $order);
}

/** Verdict and reference. Anything but a clear answer is a hold. */
function interdict_ask(array $transaction): array
{
    $hold = fn(string $why): array => ['verdict' => 'review', 'id' => '', 'why' => $why];
    $body = json_encode($transaction);
    if (!defined('INTERDICT_URL') || $body === false) {
        return $hold('Interdict could not be asked');
    }
    $answer = wp_remote_post(INTERDICT_URL, [
        'timeout' => 5,
        'redirection' => 0,
        'headers' => ['Content-Type' => 'application/json'],
        'body' => $body,
    ]);
    if (is_wp_error($answer)) {
        return $hold('Interdict does not answer');
    }
    $decision = json_decode(wp_remote_retrieve_body($answer), true);
    $readable = (int) wp_remote_retrieve_response_code($answer) === 200
        && is_array($decision)
        && in_array($decision['verdict'] ?? null, ['allow', 'block', 'review'], true)
        && is_string($decision['id'] ?? null) && $decision['id'] !== ''
        && empty($decision['hypothetical']);
    if (!$readable) {
        return $hold('the answer of Interdict cannot be read');
    }
    return ['verdict' => $decision['verdict'], 'id' => $decision['id'], 'why' => (string) ($decision['reason'] ?? '')];
}

/** True if the order may go on. Otherwise it is cancelled or on hold, with a note. Does not save: the caller does, or WooCommerce. */
function interdict_may_go_on(WC_Order $order, ?WC_Order $placed = null): bool
{
    $transaction = interdict_transaction($order, $placed);
    $judged = hash('sha256', (string) json_encode($transaction));
    // A person has looked at it: the custom field `_interdict_release` names the decision that is released, and nothing has changed since.
    $reference = (string) $order->get_meta('_interdict_decision');
    $same = hash_equals((string) $order->get_meta('_interdict_judged'), $judged);
    if ($same && $reference !== '' && hash_equals($reference, (string) $order->get_meta('_interdict_release'))) {
        return true;
    }
    $answer = interdict_ask($transaction);
    $order->update_meta_data('_interdict_decision', $answer['id']);
    $order->update_meta_data('_interdict_judged', $judged);
    if ($answer['verdict'] === 'allow') {
        return true;
    }
    $note = sprintf('Interdict: %s; decision %s: %s', $answer['verdict'], $answer['id'] ?: 'none', $answer['why']);
    $order->set_status($answer['verdict'] === 'block' ? 'cancelled' : 'on-hold', $note);
    return false;
}

/** Before an order of whatever origin becomes one that is fulfilled: checkout, back office, REST, import, renewal. */
add_action('woocommerce_before_order_object_save', function ($order): void {
    $status = $order instanceof WC_Order ? ($order->get_changes()['status'] ?? '') : '';
    if (!in_array($status, ['processing', 'completed'], true)) {
        return;
    }
    interdict_may_go_on($order, interdict_placed($order));
}, 1);

/** Before a renewal is charged: WooCommerce Subscriptions makes the renewal order at priority 1 and charges it at 10. */
add_action('woocommerce_scheduled_subscription_payment', function ($subscription_id): void {
    $subscription = wcs_get_subscription($subscription_id);
    $order = $subscription ? $subscription->get_last_order('all', 'renewal') : false;
    if (!$order instanceof WC_Order) {
        return;
    }
    if (interdict_may_go_on($order, interdict_placed($order))) {
        $order->save();
        return;
    }
    $order->save();
    // Some versions charge whatever the order's status is. An action that fails charges nothing, and the shop's log names it.
    throw new RuntimeException('Interdict holds renewal order ' . $order->get_id());
}, 5);

/** The order that the customer placed in person, if this one is a renewal of it. */
function interdict_placed(WC_Order $order): ?WC_Order
{
    if (!function_exists('wcs_get_subscriptions_for_renewal_order')) {
        return null;
    }
    foreach (wcs_get_subscriptions_for_renewal_order($order) as $subscription) {
        $parent = $subscription->get_parent();
        if ($parent instanceof WC_Order) {
            return $parent;
        }
    }
    return null;
}
