-- The rejected batch whose kept rows were checked and applied again as this one.
ALTER TABLE eyas.batches ADD COLUMN revalidates text COLLATE "C";
