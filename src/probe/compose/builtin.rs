//! The built-in message: the confirmation of an order, as any small shop sends it.
//!
//! It is a template like the user's own, so it has no way of its own through the code. Wording, goods and amounts follow from the seed's number: a
//! receiver that compares messages finds them as different as two orders are, and the same seed always says the same. Nothing in it tells
//! what it is for, and it loads nothing from anywhere.

use crate::probe::compose::Facts;

/// What was ordered, and its price in cents.
const GOODS: [(&str, u32); 8] = [
    ("Canvas tote bag, natural", 1490),
    ("Ceramic mug, 300 ml", 1250),
    ("Notebook A5, dotted", 890),
    ("Desk lamp, brushed steel", 4900),
    ("Wool socks, two pairs", 1690),
    ("Stainless steel bottle, 500 ml", 2190),
    ("Cotton throw, grey", 3450),
    ("Pocket umbrella, navy", 1990),
];

const SUBJECTS: [&str; 4] = [
    "Your order {{subject_suffix}}",
    "Order {{subject_suffix}} confirmed",
    "Thank you for your order {{subject_suffix}}",
    "We received your order {{subject_suffix}}",
];

const THANKS: [&str; 3] = [
    "thank you for your order. We have received your payment and are getting everything ready to ship.",
    "thanks for shopping with us. Your payment has arrived and your order is being packed.",
    "we have received your order and your payment. You will hear from us again as soon as it ships.",
];

const SHIPPING: u32 = 450;

/// The template for one seed.
pub(super) fn template(facts: &Facts) -> String {
    let number = facts.number;
    let (goods, price) = chosen(&GOODS, number).unwrap_or(("Gift card", 2500));
    let count = 1 + number / 8 % 3;
    let subject = chosen(&SUBJECTS, number / 32).unwrap_or_default();
    let thanks = chosen(&THANKS, number / 128).unwrap_or_default();
    let boundary = format!("----=_Part_{}_{}", number / 7 % 10_000, u64::from(number) * 7919);
    let [goods_sum, shipping, total] = [price * count, SHIPPING, price * count + SHIPPING].map(amount);
    let text = TEXT
        .replace("@thanks", thanks)
        .replace("@goods", &format!("{count} x {goods}"))
        .replace("@sum", &goods_sum)
        .replace("@shipping", &shipping)
        .replace("@total", &total);
    let html = HTML
        .replace("@thanks", thanks)
        .replace("@goods", &format!("{count} &times; {goods}"))
        .replace("@sum", &goods_sum)
        .replace("@shipping", &shipping)
        .replace("@total", &total);
    format!(
        "Subject: {subject}\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"{boundary}\"\n\n\
         --{boundary}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n{text}\n\
         --{boundary}\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n{html}\n--{boundary}--\n"
    )
}

fn chosen<T: Copy>(choices: &[T], number: u32) -> Option<T> {
    let at = usize::try_from(number).ok()?.checked_rem(choices.len())?;
    choices.get(at).copied()
}

fn amount(cents: u32) -> String {
    format!("EUR {}.{:02}", cents / 100, cents % 100)
}

const TEXT: &str = "\
Hello,

@thanks

Order number: {{number}}
Date: {{date}}

@goods
Subtotal: @sum
Shipping: @shipping
Total: @total

Delivery usually takes two to four working days. If anything is not as
you expected, simply reply to this message and we will help you.

Kind regards,
{{from_name}}

{{reference}}
";

const HTML: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Order {{number}}</title></head>
<body style=\"font-family:Arial,Helvetica,sans-serif;color:#222;margin:0;padding:24px\">
<p>Hello,</p>
<p>@thanks</p>
<p>Order number: <strong>{{number}}</strong><br>Date: {{date}}</p>
<table cellpadding=\"6\" style=\"border-collapse:collapse\">
<tr><td>@goods</td><td align=\"right\">@sum</td></tr>
<tr><td>Shipping</td><td align=\"right\">@shipping</td></tr>
<tr><td><strong>Total</strong></td><td align=\"right\"><strong>@total</strong></td></tr>
</table>
<p>Delivery usually takes two to four working days. If anything is not as you expected,
simply reply to this message and we will help you.</p>
<p>Kind regards,<br>{{from_name}}</p>
<p style=\"color:#777;font-size:12px\">{{reference}}</p>
</body>
</html>
";
