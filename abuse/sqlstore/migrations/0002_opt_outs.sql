-- Users who opt out of a purpose are asked about before anything is published.
CREATE TABLE hc_opt_outs (key {bytes} NOT NULL PRIMARY KEY, value {bytes} NOT NULL){small};
