//! How to do it right, in the five languages that vendors write.

/// The right call in each language, for one part of a signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Right(&'static [(&'static str, &'static str)]);

impl Right {
    /// Language and call.
    #[must_use]
    pub fn calls(&self) -> &'static [(&'static str, &'static str)] {
        self.0
    }
}

macro_rules! right {
    ($name:ident, $python:literal, $java:literal, $go:literal, $js:literal, $php:literal) => {
        pub(super) static $name: Right = Right(&[
            ("Python", $python),
            ("Java", $java),
            ("Go", $go),
            ("JavaScript", $js),
            ("PHP", $php),
        ]);
    };
}

right!(
    ENCODING,
    "urllib.parse.urlencode(sorted(params.items()))",
    r#"URLEncoder.encode(v, UTF_8).replace("*", "%2A").replace("%7E", "~")"#,
    "url.QueryEscape(v)",
    "encodeURIComponent(v).replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase()).replace(/%20/g, '+')",
    "str_replace('%7E', '~', urlencode($v))"
);
right!(
    ORDER,
    "sorted(params.items())",
    "new TreeMap<>(params)",
    "sort.Strings(names)",
    "Object.keys(params).sort()",
    "ksort($params, SORT_STRING)"
);
right!(
    PARAMETERS,
    "{k: v for k, v in params.items() if k != 'signature'}",
    r#"params.remove("signature")"#,
    r#"params.Del("signature")"#,
    "const { signature, ...signed } = params",
    "unset($params['signature'])"
);
right!(
    TIME,
    "params['timestamp'] = str(int(time.time())); url = send(params, sign(params))",
    r#"params.put("timestamp", now); String signature = sign(params); send(params, signature)"#,
    r#"params.Set("timestamp", now); params.Set("signature", sign(params))"#,
    "const signed = { ...params, timestamp: now }; send({ ...signed, signature: sign(signed) })",
    "$params['timestamp'] = $now; $params['signature'] = sign($params)"
);
right!(
    MESSAGE,
    "'&'.join(f'{quote_plus(k)}={quote_plus(v)}' for k, v in sorted(params.items()))",
    r#"String.join("&", pairs)"#,
    r#"strings.Join(pairs, "&")"#,
    "pairs.join('&')",
    "implode('&', $pairs)"
);
right!(
    KEY,
    "os.environ['PROD_KEY'].strip().encode()",
    r#"System.getenv("PROD_KEY").strip().getBytes(UTF_8)"#,
    r#"[]byte(strings.TrimSpace(os.Getenv("PROD_KEY")))"#,
    "process.env.PROD_KEY.trim()",
    "trim(getenv('PROD_KEY'))"
);
right!(
    KEY_BOM,
    "open('prod.key', encoding='utf-8-sig').read().strip().encode()",
    r#"Files.readString(file).replace("\uFEFF", "").strip().getBytes(UTF_8)"#,
    r#"bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")))"#,
    "fs.readFileSync('prod.key', 'utf8').trim()",
    "trim(preg_replace('/^\\xEF\\xBB\\xBF/', '', $file))"
);
right!(
    SPACE_SENT,
    "urllib.parse.urlencode(params, quote_via=urllib.parse.quote)",
    r#"URLEncoder.encode(v, UTF_8).replace("+", "%20")"#,
    r#"strings.ReplaceAll(params.Encode(), "+", "%20")"#,
    "encodeURIComponent(v)",
    "http_build_query($params, '', '&', PHP_QUERY_RFC3986)"
);
right!(
    DIGEST,
    "hmac.new(key, message, hashlib.sha256).digest()",
    r#"mac = Mac.getInstance("HmacSHA256"); mac.init(new SecretKeySpec(key, "HmacSHA256")); mac.doFinal(message)"#,
    "m := hmac.New(sha256.New, key); m.Write(message); m.Sum(nil)",
    "crypto.createHmac('sha256', key).update(message).digest()",
    "hash_hmac('sha256', $message, $key, true)"
);
right!(
    OUTPUT,
    "base64.b64encode(digest).decode()",
    "Base64.getEncoder().encodeToString(digest)",
    "base64.StdEncoding.EncodeToString(digest)",
    "digest.toString('base64')",
    "base64_encode($digest)"
);
right!(
    WAY,
    "urllib.parse.urlencode({**params, 'signature': signature})",
    r#""signature=" + URLEncoder.encode(signature, UTF_8)"#,
    r#"params.Set("signature", signature); params.Encode()"#,
    "'signature=' + encodeURIComponent(signature)",
    "http_build_query(['signature' => $signature])"
);
right!(
    JD_PATH,
    "quote(path, safe='/-_.~')",
    r#"URLEncoder.encode(segment, UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~")"#,
    r#"strings.ReplaceAll(url.QueryEscape(segment), "+", "%20")"#,
    "encodeURIComponent(segment).replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase())",
    "implode('/', array_map('rawurlencode', explode('/', $path)))"
);
right!(
    JD_QUERY,
    "'&'.join(f'{k}={v}' for k, v in sorted((quote(k, safe='-_.~'), quote(v, safe='-_.~')) for k, v in params))",
    r#"URLEncoder.encode(v, UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~"), then sort"#,
    r#"strings.ReplaceAll(params.Encode(), "+", "%20")"#,
    "Object.keys(params).sort().map(k => encode(k) + '=' + encode(params[k])).join('&')",
    "ksort($params, SORT_STRING); http_build_query($params, '', '&', PHP_QUERY_RFC3986)"
);
right!(
    JD_HEADERS,
    "''.join(f'{k}:{headers[k].strip()}\\n' for k in sorted(headers)) + '\\n' + ';'.join(sorted(headers))",
    r#"headers.forEach((k, v) -> text.append(k.toLowerCase()).append(':').append(v.trim()).append('\n')) of a TreeMap"#,
    r#"sort.Strings(names); fmt.Fprintf(&b, "%s:%s\n", strings.ToLower(name), strings.TrimSpace(value))"#,
    "names.sort().map(n => `${n}:${headers[n].trim()}\\n`).join('') + '\\n' + names.join(';')",
    "ksort($headers); foreach ($headers as $k => $v) { $text .= strtolower($k) . ':' . trim($v) . \"\\n\"; }"
);
right!(
    JD_BODY,
    "body = json.dumps(data).encode(); hashlib.sha256(body).hexdigest(); requests.post(url, data=body)",
    "byte[] body = json.getBytes(UTF_8); HexFormat.of().formatHex(MessageDigest.getInstance(\"SHA-256\").digest(body))",
    "body, _ := json.Marshal(data); sum := sha256.Sum256(body); hex.EncodeToString(sum[:])",
    "const body = JSON.stringify(data); crypto.createHash('sha256').update(body).digest('hex')",
    "$body = json_encode($data); hash('sha256', $body)"
);
right!(
    JD_KEY,
    "key = b'JDCLOUD2' + secret; for part in (day, region, service, b'jdcloud2_request'): key = hmac.new(key, part, hashlib.sha256).digest()",
    r#"byte[] key = ("JDCLOUD2" + secret).getBytes(UTF_8); for (String part : List.of(day, region, service, "jdcloud2_request")) key = hmacSha256(key, part);"#,
    r#"key := []byte("JDCLOUD2" + secret); for _, part := range []string{day, region, service, "jdcloud2_request"} { key = hmacSHA256(key, part) }"#,
    "['jdcloud2_request', service, region, day].reduceRight((key, part) => crypto.createHmac('sha256', key).update(part).digest(), 'JDCLOUD2' + secret)",
    "$key = 'JDCLOUD2' . $secret; foreach ([$day, $region, $service, 'jdcloud2_request'] as $part) { $key = hash_hmac('sha256', $part, $key, true); }"
);
right!(
    JD_STRING,
    "'\\n'.join(['JDCLOUD2-HMAC-SHA256', date, f'{day}/{region}/{service}/jdcloud2_request', sha256(canonical).hexdigest()])",
    r#"String.join("\n", "JDCLOUD2-HMAC-SHA256", date, scope, sha256Hex(canonical))"#,
    r#"strings.Join([]string{"JDCLOUD2-HMAC-SHA256", date, scope, sha256Hex(canonical)}, "\n")"#,
    "['JDCLOUD2-HMAC-SHA256', date, scope, sha256Hex(canonical)].join('\\n')",
    "implode(\"\\n\", ['JDCLOUD2-HMAC-SHA256', $date, $scope, hash('sha256', $canonical)])"
);
right!(
    JD_OUTPUT,
    "hmac.new(key, string_to_sign.encode(), hashlib.sha256).hexdigest()",
    "HexFormat.of().formatHex(hmacSha256(key, stringToSign))",
    "hex.EncodeToString(hmacSHA256(key, stringToSign))",
    "crypto.createHmac('sha256', key).update(stringToSign).digest('hex')",
    "hash_hmac('sha256', $stringToSign, $key)"
);
