# What differs between brokers. Credentials do not stand here: TROVE_AMQP_ADMIN_USER and TROVE_AMQP_ADMIN_PASSWORD.

broker = {
  url            = "amqps://broker.example.org:5671" # where trovectl reaches it
  guest_url      = "amqps://10.1.0.5:5671"           # where the guests do
  management_url = "https://broker.example.org:15671"
  ca_file        = "broker-ca.pem" # of the authority that signed the broker's certificate
}
