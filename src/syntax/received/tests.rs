//! Received fields in the dialects of those who write them.

use proptest::prelude::*;

use super::*;

/// Name of the dialect, the value, and what it says: `from | helo | address | by | protocol | tls | id | for`, `-` for what it does not say. All
/// are of 2026-11-22 10:00:00 UTC. Made up in the forms that these servers use.
const DIALECTS: [(&str, &str, &str); 53] = [
    (
        "rfc5321",
        "from foo.example (bar.example [192.0.2.1]) by mx.test with ESMTP id 1 for <a@b.test>; Sun, 22 Nov 2026 10:00:00 +0000",
        "foo.example | foo.example | 192.0.2.1 | mx.test | ESMTP | - | 1 | a@b.test",
    ),
    (
        "rfc5321-literal",
        "from [192.0.2.1] by mx.test with SMTP; Sun, 22 Nov 2026 10:00:00 +0000",
        "[192.0.2.1] | [192.0.2.1] | 192.0.2.1 | mx.test | SMTP | - | - | -",
    ),
    (
        "rfc5321-ipv6",
        "from foo.example (bar.example [IPv6:2001:db8::1]) by mx.test with ESMTPSA id 1; 22 Nov 2026 10:00:00 +0000",
        "foo.example | foo.example | 2001:db8::1 | mx.test | ESMTPSA | yes | 1 | -",
    ),
    (
        "rfc6531-utf8",
        "from foo.example (bar.example [192.0.2.1]) by mx.test with UTF8SMTPS id 1; Sun, 22 Nov 2026 10:00:00 +0000",
        "foo.example | foo.example | 192.0.2.1 | mx.test | UTF8SMTPS | yes | 1 | -",
    ),
    (
        "gmail-border",
        "from mail.shop.example (mail.shop.example. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id d9443c01a7336-1a2b3c.123.2026.11.22.02.00.00\r\n        for <seed@gmail.com>\r\n        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256);\r\n        Sun, 22 Nov 2026 02:00:00 -0800 (PST)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.google.com | ESMTPS | TLSv1.3 TLS_AES_256_GCM_SHA384 | d9443c01a7336-1a2b3c.123.2026.11.22.02.00.00 | seed@gmail.com",
    ),
    (
        "gmail-ipv6",
        "from out.shop.example (out.shop.example. [2001:db8:1::25]) by mx.google.com with ESMTPS id x1 for <seed@gmail.com> (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128); Sun, 22 Nov 2026 02:00:00 -0800 (PST)",
        "out.shop.example | out.shop.example | 2001:db8:1::25 | mx.google.com | ESMTPS | TLSv1.3 TLS_AES_128_GCM_SHA256 | x1 | seed@gmail.com",
    ),
    (
        "gmail-inside",
        "by 2002:a05:6a10:1234:b0:5a1:2b3c:4d5e with SMTP id p26csp1234567pxp; Sun, 22 Nov 2026 02:00:00 -0800 (PST)",
        "- | - | - | 2002:a05:6a10:1234:b0:5a1:2b3c:4d5e | SMTP | - | p26csp1234567pxp | -",
    ),
    (
        "gmail-no-reverse",
        "from foo ([192.0.2.1]) by smtp.gmail.com with ESMTPSA id x for <a@b.test> (version=TLS1_2 cipher=ECDHE-RSA-AES128-GCM-SHA256 bits=128/128); Sun, 22 Nov 2026 02:00:00 -0800 (PST)",
        "foo | foo | 192.0.2.1 | smtp.gmail.com | ESMTPSA | TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 | x | a@b.test",
    ),
    (
        "gmail-api",
        "from 123456789 named unknown by gmailapi.google.com with HTTPREST; Sun, 22 Nov 2026 10:00:00 +0000",
        "123456789 | 123456789 | - | gmailapi.google.com | HTTPREST | - | - | -",
    ),
    (
        "outlook-border",
        "from mail.shop.example (192.0.2.1) by\r\n AM0EUR02FT030.mail.protection.outlook.com (10.13.54.96) with Microsoft SMTP\r\n Server (version=TLS1_3, cipher=TLS_AES_256_GCM_SHA384) id 15.20.8182.10 via\r\n Frontend Transport; Sun, 22 Nov 2026 10:00:00 +0000",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | AM0EUR02FT030.mail.protection.outlook.com | Microsoft SMTP Server | TLSv1.3 TLS_AES_256_GCM_SHA384 | 15.20.8182.10 | -",
    ),
    (
        "outlook-inside",
        "from AS8PR04CA0001.eurprd04.prod.outlook.com (2603:10a6:20b:310::6) by\r\n PAXPR04MB0001.eurprd04.prod.outlook.com (2603:10a6:102:1::2) with Microsoft\r\n SMTP Server (version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.8182.18; Sun, 22 Nov\r\n 2026 10:00:00 +0000",
        "AS8PR04CA0001.eurprd04.prod.outlook.com | AS8PR04CA0001.eurprd04.prod.outlook.com | 2603:10a6:20b:310::6 | PAXPR04MB0001.eurprd04.prod.outlook.com | Microsoft SMTP Server | TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 | 15.20.8182.18 | -",
    ),
    (
        "outlook-mapi",
        "from PAXPR04MB0001.eurprd04.prod.outlook.com ([fe80::1cb5:2b3c%3]) by PAXPR04MB0001.eurprd04.prod.outlook.com ([fe80::1cb5:2b3c%3]) with mapi id 15.20.8182.018; Sun, 22 Nov 2026 10:00:00 +0000",
        "PAXPR04MB0001.eurprd04.prod.outlook.com | PAXPR04MB0001.eurprd04.prod.outlook.com | fe80::1cb5:2b3c | PAXPR04MB0001.eurprd04.prod.outlook.com | MAPI | - | 15.20.8182.018 | -",
    ),
    (
        "outlook-https",
        "from AS8PR04CA0001.eurprd04.prod.outlook.com (2603:10a6::6) by X.eurprd04.prod.outlook.com with HTTPS; Sun, 22 Nov 2026 10:00:00 +0000",
        "AS8PR04CA0001.eurprd04.prod.outlook.com | AS8PR04CA0001.eurprd04.prod.outlook.com | 2603:10a6::6 | X.eurprd04.prod.outlook.com | HTTPS | yes | - | -",
    ),
    (
        "exchange-2010",
        "from EX01.corp.test (10.0.0.5) by EX02.corp.test (10.0.0.6) with Microsoft SMTP Server (TLS) id 14.3.408.0; Sun, 22 Nov 2026 11:00:00 +0100",
        "EX01.corp.test | EX01.corp.test | 10.0.0.5 | EX02.corp.test | Microsoft SMTP Server | yes | 14.3.408.0 | -",
    ),
    (
        "exchange-plain",
        "from mail.shop.example (192.0.2.1) by EX02.corp.test (10.0.0.6) with Microsoft SMTP Server id 8.3.485.1; Sun, 22 Nov 2026 11:00:00 +0100",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | EX02.corp.test | Microsoft SMTP Server | - | 8.3.485.1 | -",
    ),
    (
        "iis",
        "from mail.shop.example ([192.0.2.1]) by host.test with Microsoft SMTPSVC(8.5.9600.16384);\r\n\t Sun, 22 Nov 2026 11:00:00 +0100",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | host.test | Microsoft SMTPSVC | - | - | -",
    ),
    (
        "yahoo-border",
        "from 192.0.2.1 (EHLO mail.shop.example)\r\n by 10.222.142.24 with SMTPs\r\n (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256);\r\n Sun, 22 Nov 2026 10:00:00 +0000",
        "192.0.2.1 | mail.shop.example | 192.0.2.1 | 10.222.142.24 | SMTPS | TLSv1.3 TLS_AES_128_GCM_SHA256 | - | -",
    ),
    (
        "yahoo-inside",
        "from sonic.gate.mail.ne1.yahoo.com by sonic301.consmr.mail.ne1.yahoo.com with HTTP; Sun, 22 Nov 2026 10:00:00 +0000",
        "sonic.gate.mail.ne1.yahoo.com | sonic.gate.mail.ne1.yahoo.com | - | sonic301.consmr.mail.ne1.yahoo.com | HTTP | - | - | -",
    ),
    (
        "yahoo-helo-literal",
        "from 192.0.2.1 (EHLO [198.51.100.9]) by 10.222.142.24 with SMTP; Sun, 22 Nov 2026 10:00:00 +0000",
        "192.0.2.1 | [198.51.100.9] | 192.0.2.1 | 10.222.142.24 | SMTP | - | - | -",
    ),
    (
        "qq",
        "from mail.shop.example (mail.shop.example [192.0.2.1])\r\n\tby newxmmxszc25-1.qq.com (NewMX) with SMTP id 5F2A1B3C\r\n\tfor <seed@qq.com>; Sun, 22 Nov 2026 18:00:00 +0800",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | newxmmxszc25-1.qq.com | SMTP | - | 5F2A1B3C | seed@qq.com",
    ),
    (
        "qq-unknown",
        "from shop (unknown [192.0.2.1]) by newmx83.qq.com (NewMx) with SMTP id ; Sun, 22 Nov 2026 18:00:00 +0800",
        "shop | shop | 192.0.2.1 | newmx83.qq.com | SMTP | - | - | -",
    ),
    (
        "netease-163",
        "from mail.shop.example (unknown [192.0.2.1])\r\n\tby mx19 (Coremail) with SMTP id wDnC+AB3x1_abc.1234S2;\r\n\tSun, 22 Nov 2026 18:00:00 +0800 (CST)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx19 | SMTP | - | wDnC+AB3x1_abc.1234S2 | -",
    ),
    (
        "netease-tls",
        "from mail.shop.example (unknown [192.0.2.1]) by gzmx8 (Coremail) with ESMTPS id PCgv; Sun, 22 Nov 2026 18:00:00 +0800 (CST)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | gzmx8 | ESMTPS | yes | PCgv | -",
    ),
    (
        "netease-ajax",
        "from shop$163.com ( [10.0.0.1] ) by ajax-webmail-wmsvr6 (Coremail) ; Sun, 22 Nov 2026 18:00:00 +0800 (CST)",
        "shop$163.com | shop$163.com | 10.0.0.1 | ajax-webmail-wmsvr6 | - | - | - | -",
    ),
    (
        "postfix",
        "from mail.shop.example (mail.shop.example [192.0.2.1])\r\n\tby mx.test (Postfix) with ESMTP id 4TxYz1234\r\n\tfor <a@b.test>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTP | - | 4TxYz1234 | a@b.test",
    ),
    (
        "postfix-tls",
        "from mail.shop.example (mail.shop.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\r\n\t(No client certificate requested)\r\n\tby mx.test (Postfix) with ESMTPS id 4TxYz1234; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTPS | TLSv1.3 TLS_AES_256_GCM_SHA384 | 4TxYz1234 | -",
    ),
    (
        "postfix-ipv6",
        "from mail.shop.example (unknown [IPv6:2001:db8::25]) by mx.test (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "mail.shop.example | mail.shop.example | 2001:db8::25 | mx.test | ESMTPS | yes | 1 | -",
    ),
    (
        "postfix-helo-literal",
        "from [198.51.100.9] (unknown [192.0.2.1]) by mx.test (Postfix) with ESMTPSA id 1; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "[198.51.100.9] | [198.51.100.9] | 192.0.2.1 | mx.test | ESMTPSA | yes | 1 | -",
    ),
    (
        "postfix-sasl",
        "from laptop (dsl.isp.test [192.0.2.1]) (using TLSv1.2 with cipher ECDHE-X (256/256 bits)) (Authenticated sender: a@b.test) by smtp.test (Postfix) with ESMTPSA id 1; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "laptop | laptop | 192.0.2.1 | smtp.test | ESMTPSA | TLSv1.2 ECDHE-X | 1 | -",
    ),
    (
        "postfix-pickup",
        "by mail.test (Postfix, from userid 1000) id 4TxYz; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "- | - | - | mail.test | - | - | 4TxYz | -",
    ),
    (
        "postfix-lmtp",
        "from mx.test ([127.0.0.1]) by localhost (mx.test [127.0.0.1]) (amavis, port 10024) with LMTP id abc-12 for <a@b.test>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "mx.test | mx.test | 127.0.0.1 | localhost | LMTP | - | abc-12 | a@b.test",
    ),
    (
        "dovecot-lmtp",
        "from mx.test\r\n\tby mx.test with LMTP\r\n\tid aBcDeFg\r\n\t(envelope-from <a@b.test>)\r\n\tfor <c@d.test>; Sun, 22 Nov 2026 10:00:00 +0000",
        "mx.test | mx.test | - | mx.test | LMTP | - | aBcDeFg | c@d.test",
    ),
    (
        "exim",
        "from mail.shop.example ([192.0.2.1])\r\n\tby mx.test with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.98)\r\n\t(envelope-from <a@shop.example>)\r\n\tid 1tABCD-000000012Ab-3xyz\r\n\tfor c@d.test;\r\n\tSun, 22 Nov 2026 10:00:00 +0000",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTPS | TLSv1.3 TLS_AES_256_GCM_SHA384 | 1tABCD-000000012Ab-3xyz | c@d.test",
    ),
    (
        "exim-helo",
        "from out.shop.example ([192.0.2.1]:43210 helo=mail.shop.example) by mx.test with esmtp (Exim 4.92) id 1abc; Sun, 22 Nov 2026 10:00:00 +0000",
        "out.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTP | - | 1abc | -",
    ),
    (
        "exim-no-reverse",
        "from [192.0.2.1] (helo=mail.shop.example) by mx.test with esmtps (TLS1.2:ECDHE_RSA_AES_256_GCM_SHA384:256) (Exim 4.84) id 1abc; Sun, 22 Nov 2026 10:00:00 +0000",
        "[192.0.2.1] | mail.shop.example | 192.0.2.1 | mx.test | ESMTPS | TLSv1.2 ECDHE_RSA_AES_256_GCM_SHA384 | 1abc | -",
    ),
    (
        "exim-helo-literal",
        "from [192.0.2.1] (helo=[198.51.100.9]) by mx.test with smtp (Exim 4.98) id 1abc; Sun, 22 Nov 2026 10:00:00 +0000",
        "[192.0.2.1] | [198.51.100.9] | 192.0.2.1 | mx.test | SMTP | - | 1abc | -",
    ),
    (
        "exim-ipv6",
        "from out.shop.example ([2001:db8::25]:52000) by mx.test with esmtps (TLS1.3) tls X id 1abc; Sun, 22 Nov 2026 10:00:00 +0000",
        "out.shop.example | out.shop.example | 2001:db8::25 | mx.test | ESMTPS | TLSv1.3 X | 1abc | -",
    ),
    (
        "exim-local",
        "from www-data by web.shop.example with local (Exim 4.98) (envelope-from <www-data@web.shop.example>) id 1abc; Sun, 22 Nov 2026 10:00:00 +0000",
        "www-data | www-data | - | web.shop.example | LOCAL | - | 1abc | -",
    ),
    (
        "mailru",
        "from out.shop.example ([192.0.2.1]:43210 helo=mail.shop.example) by mx35.i.mail.ru with esmtp (envelope-from <a@shop.example>) id 1abc; Sun, 22 Nov 2026 13:00:00 +0300",
        "out.shop.example | mail.shop.example | 192.0.2.1 | mx35.i.mail.ru | ESMTP | - | 1abc | -",
    ),
    (
        "sendmail",
        "from mail.shop.example (out.shop.example [192.0.2.1])\r\n\tby mx.test (8.17.1/8.17.1) with ESMTPS id 4AMA0123456\r\n\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO)\r\n\tfor <a@b.test>; Sun, 22 Nov 2026 10:00:00 GMT",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTPS | TLSv1.3 TLS_AES_256_GCM_SHA384 | 4AMA0123456 | a@b.test",
    ),
    (
        "sendmail-forged",
        "from mail.shop.example (out.shop.example [192.0.2.1] (may be forged)) by mx.test (8.15.2) with ESMTP id 4; Sun, 22 Nov 2026 10:00:00 GMT",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTP | - | 4 | -",
    ),
    (
        "sendmail-ident",
        "from mail.shop.example ([198.51.100.9]@out.shop.example [192.0.2.1]) by mx.test (8.8.8) with SMTP id 4; Sun, 22 Nov 2026 02:00:00 PST",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | SMTP | - | 4 | -",
    ),
    (
        "sendmail-local",
        "(from root@localhost)\r\n\tby web.shop.example (8.17.1/8.17.1/Submit) id 4AMA0123456;\r\n\tSun, 22 Nov 2026 10:00:00 GMT",
        "- | - | - | web.shop.example | - | - | 4AMA0123456 | -",
    ),
    (
        "ses-inbound",
        "from mail.shop.example (out.shop.example [192.0.2.1])\r\n by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc123def456\r\n for seed@inbound.shop.example;\r\n Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | inbound-smtp.eu-west-1.amazonaws.com | SMTP | - | abc123def456 | seed@inbound.shop.example",
    ),
    (
        "qmail",
        "from unknown (HELO mail.shop.example) (192.0.2.1)\r\n  by mx.test with SMTP; 22 Nov 2026 10:00:00 -0000",
        "unknown | mail.shop.example | 192.0.2.1 | mx.test | SMTP | - | - | -",
    ),
    (
        "qmail-auth",
        "from out.shop.example (HELO [198.51.100.9]) (user@192.0.2.1)\r\n  by mx.test with (AES256-SHA encrypted) ESMTPA; 22 Nov 2026 10:00:00 -0000",
        "out.shop.example | [198.51.100.9] | 192.0.2.1 | mx.test | ESMTPA | AES256-SHA | - | -",
    ),
    ("qmail-inside", "(qmail 12345 invoked by uid 89); 22 Nov 2026 10:00:00 -0000", "- | - | - | - | - | - | - | -"),
    (
        "opensmtpd",
        "from mail.shop.example (out.shop.example [192.0.2.1]) by mx.test (OpenSMTPD) with ESMTPS id 12ab (TLSv1.3:TLS_CHACHA20_POLY1305_SHA256:256:NO) for <a@b.test>; Sun, 22 Nov 2026 11:00:00 +0100 (CET)",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx.test | ESMTPS | TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 | 12ab | a@b.test",
    ),
    (
        "gmx",
        "from mail.shop.example ([192.0.2.1]) by mx-ha.gmx.net (mxgmx016 [212.227.15.9]) with ESMTPS (Nemesis) id 1MabcD-1abc for <a@gmx.test>; Sun, 22 Nov 2026 11:00:00 +0100",
        "mail.shop.example | mail.shop.example | 192.0.2.1 | mx-ha.gmx.net | ESMTPS | yes | 1MabcD-1abc | a@gmx.test",
    ),
    (
        "powermta",
        "from web (10.0.0.7) by mta.shop.example id h1abc for <a@b.test>; Sun, 22 Nov 2026 10:00:00 +0000 (envelope-from <a@shop.example>)",
        "web | web | 10.0.0.7 | mta.shop.example | - | - | h1abc | a@b.test",
    ),
    (
        "mapped-address",
        "from foo (foo [::ffff:192.0.2.1]) by mx.test with SMTP id 1; Sun, 22 Nov 2026 10:00:00 +0000",
        "foo | foo | 192.0.2.1 | mx.test | SMTP | - | 1 | -",
    ),
    (
        "called-by",
        "from by (with [192.0.2.1]) by mx.test with SMTP id 1; Sun, 22 Nov 2026 10:00:00 +0000",
        "by | by | 192.0.2.1 | mx.test | SMTP | - | 1 | -",
    ),
    (
        "unclosed",
        "from foo (bar [192.0.2.1] by mx.test with SMTP; Sun, 22 Nov 2026 10:00:00 +0000",
        "foo | foo | 192.0.2.1 | - | - | - | - | -",
    ),
];

fn summary(hop: &Hop) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let tls = hop.tls.as_ref().map_or("-".into(), |tls| {
        let known: Vec<_> = [&tls.version, &tls.cipher].into_iter().flatten().cloned().collect();
        if known.is_empty() { "yes".into() } else { known.join(" ") }
    });
    let ip = hop.ip.map_or("-".into(), |ip| ip.to_string());
    [text(&hop.from), text(&hop.helo), ip, text(&hop.by), text(&hop.protocol), tls, text(&hop.id), text(&hop.recipient)]
        .join(" | ")
}

#[test]
fn dialects() {
    let at = "2026-11-22T10:00:00Z".parse().unwrap();
    for (name, value, expected) in DIALECTS {
        let hop = parse(value.as_bytes());
        assert_eq!(summary(&hop), expected, "{name}");
        assert_eq!(hop.at, Some(at), "{name}");
    }
}

#[test]
fn nothing_is_made_up() {
    for value in ["", ";", "; ;", "from", "by", "((((", "))))", "from (x)", "\0\u{1}", "no received field at all"] {
        let hop = parse(value.as_bytes());
        assert_eq!((hop.ip, hop.at, hop.by, hop.tls), (None, None, None, None), "{value}");
    }
    assert_eq!(parse(b"from a by b with SMTP id 1").at, None);
    assert_eq!(parse(b"from a (999.1.1.1) by b; Sun, 22 Nov 2026 10:00:00 +0000").ip, None);
    assert_eq!(parse(b"from a by b\x07c; x").by.as_deref(), Some("b\u{fffd}c"));
}

#[test]
fn only_so_much_is_looked_at() {
    let long = format!("from {} by mx.test; Sun, 22 Nov 2026 10:00:00 +0000", "x".repeat(MAX_VALUE));
    let hop = parse(long.as_bytes());
    assert_eq!((hop.by, hop.at), (None, None));
    for deep in ["(".repeat(MAX_VALUE), "from a (".repeat(MAX_VALUE / 8), "from a [".repeat(MAX_VALUE / 8)] {
        assert_eq!(parse(deep.as_bytes()).by, None);
    }
}

fn bounded(value: &[u8]) {
    let hop = parse(value);
    let tls = hop.tls.unwrap_or_default();
    let texts = [hop.from, hop.helo, hop.by, hop.protocol, hop.id, hop.recipient, tls.version, tls.cipher];
    for text in texts.into_iter().flatten() {
        assert!(!text.contains(char::is_control) && text.len() <= 3 * value.len() + 8, "{text:?}");
    }
}

proptest! {
    #[test]
    fn anything_can_be_read(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        bounded(&value);
    }

    #[test]
    fn anything_of_the_right_words_can_be_read(
        words in proptest::collection::vec(
            proptest::sample::select(vec!["from", "by", "with", "id", "for", "tls", "(", ")", "[192.0.2.1]", "HELO", "helo=", "cipher", "encrypted", "TLSv1.2:", ";", "é", "2026", "10:00"]), 0..40,
        )
    ) {
        bounded(words.join(" ").as_bytes());
        bounded(words.concat().as_bytes());
    }

    #[test]
    fn what_was_written_is_read(
        helo in "[a-z]{1,9}\\.example", ip in any::<std::net::Ipv4Addr>(), v6 in any::<std::net::Ipv6Addr>(), six in any::<bool>(),
        by in "[a-z]{1,9}\\.test", protocol in "E?SMTPS?A?", id in "[A-Z0-9]{1,12}",
    ) {
        let address = if six { format!("IPv6:{v6}") } else { ip.to_string() };
        let hop = parse(format!("from {helo} (unknown [{address}])\r\n\tby {by} (X)\r\n with {protocol} id {id}; 22 Nov 2026 10:00:00 +0000").as_bytes());
        let expected = if six { v6.to_ipv4_mapped().map_or(v6.into(), Into::into) } else { std::net::IpAddr::from(ip) };
        prop_assert_eq!((hop.helo, hop.ip), (Some(helo), Some(expected)));
        prop_assert_eq!((hop.by, hop.protocol, hop.id), (Some(by), Some(protocol), Some(id)));
        prop_assert!(hop.at.is_some());
    }
}
