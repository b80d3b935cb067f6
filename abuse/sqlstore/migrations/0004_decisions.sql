-- A decision takes more than a kilobyte. Of rows as long as that the index itself has a part alone,
-- and of the rest a page each, which every look for another decision reads too: where small rows are
-- in the index, these are moved out of it.
{where small} CREATE TABLE hc_decisions_4 (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL);
{where small} INSERT INTO hc_decisions_4 (key, value) SELECT key, value FROM hc_decisions ORDER BY key;
{where small} DROP TABLE hc_decisions;
{where small} ALTER TABLE hc_decisions_4 RENAME TO hc_decisions;
