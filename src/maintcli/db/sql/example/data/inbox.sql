-- Half a year of mail in one mailbox; one message in fifty could not be parsed.
INSERT INTO inbound_emails (account, uidvalidity, uid, message_id, sender, subject, body,
                            size_bytes, status, attempts, error_message, received_at, seen_at)
SELECT 'support@example.com', 1700000000, i,
       '<' || md5('message ' || i || random()) || '@example.com>',
       'user' || (1 + floor(random() * 390)) || '@example.com',
       CASE WHEN parsed THEN 'Question ' || i END, CASE WHEN parsed THEN 'Body ' || i END,
       2000 + floor(random() * 50000),
       CASE WHEN parsed THEN 'received' WHEN i % 100 = 0 THEN 'quarantined' ELSE 'unparsed' END,
       CASE WHEN parsed THEN 1 WHEN i % 100 = 0 THEN 3 ELSE 2 END,
       CASE WHEN NOT parsed THEN 'no header ends' END,
       received,
       CASE WHEN parsed AND i <= 580 THEN received + interval '4 minutes' END
FROM (SELECT i, i % 50 <> 0 AS parsed,
             now() - (600 - i) * interval '7 hours' - random() * interval '6 hours' AS received
      FROM generate_series(1, 600) AS i) AS mails;

INSERT INTO inbox_cursors (account, folder, uidvalidity, last_uid, updated_at)
SELECT account, folder, uidvalidity, max(uid), now()
FROM inbound_emails
GROUP BY account, folder, uidvalidity;
