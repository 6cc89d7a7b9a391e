-- The rejected batch whose kept rows were checked and applied again as this one.
ALTER TABLE eyas_batches ADD COLUMN revalidates TEXT;
