"""What several test modules share: crowds, shards, exports, slow twins, servers and processes."""
