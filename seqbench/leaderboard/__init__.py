"""Records to rows to a page: leaderboards as a pure function of records, without torch."""
