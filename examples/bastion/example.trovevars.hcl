bastion = {
  host     = "bastion.example.org"
  user     = "ci"
  host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1tK9sN4rCh7vhq6sTjPxQKZ7M3B8hSPlLRkcFfKcT"
}
bastion_cidr = "10.1.0.7/32"
