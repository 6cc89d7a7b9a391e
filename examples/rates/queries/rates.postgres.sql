-- Average price of each day of the range, newest day first. A code is a port, or a region: then all ports of it and of the
-- regions below it count.
WITH RECURSIVE
orig_regions (slug) AS (
    SELECT slug FROM regions WHERE slug = :orig_code
    UNION
    SELECT below.slug FROM regions AS below JOIN orig_regions ON below.parent_slug = orig_regions.slug
),
dest_regions (slug) AS (
    SELECT slug FROM regions WHERE slug = :dest_code
    UNION
    SELECT below.slug FROM regions AS below JOIN dest_regions ON below.parent_slug = dest_regions.slug
),
averages AS (
    SELECT day, avg(price) AS price, count(*) AS count
    FROM prices
    WHERE orig_code = ANY (:orig_code || ARRAY(SELECT code FROM ports WHERE parent_slug IN (SELECT slug FROM orig_regions)))
      AND dest_code = ANY (:dest_code || ARRAY(SELECT code FROM ports WHERE parent_slug IN (SELECT slug FROM dest_regions)))
      AND day BETWEEN :date_from AND :date_to
    GROUP BY day
)
SELECT all_days.day,
       CASE WHEN averages.count >= 3 THEN averages.price::float8 END AS price,
       averages.count
FROM (SELECT :date_from::date + n AS day FROM generate_series(0, :date_to::date - :date_from::date) AS n) AS all_days
LEFT JOIN averages USING (day)
ORDER BY all_days.day DESC
