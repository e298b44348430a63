# How trovectl reaches the agent in each server. Only source_cidrs may use that way; there is no default for it.
guest {
  transport "ssh" {
    port         = var.ssh_port
    source_cidrs = var.source_cidrs
  }
}
