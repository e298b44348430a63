variable "services" {
  type = map(object({
    databases = list(string)
    flavor    = optional(string)
    size      = optional(number, 1)
  }))
  description = "Who needs a database: the size is in GiB"

  default = {
    billing = {
      databases = ["invoices"]
      size      = 2
    }
    orders = {
      databases = ["shop", "stock"]
    }
  }
}

# By "service/role". In CI: TROVE_VAR_passwords='{ "orders/app" = "...", "orders/report" = "...", ... }'
variable "passwords" {
  type        = map(string)
  sensitive   = true
  description = "Of every user"
}

variable "cloud" {
  type        = string
  default     = "dev"
  description = "The entry of clouds.yaml"
}

variable "flavor" {
  type        = string
  default     = "db.tiny"
  description = "The size of the machines, unless a service has its own"
}

variable "images" {
  type        = map(string)
  default     = {}
  description = "The images by version of MariaDB, where they are not called mariadb-VERSION"
}

variable "network" {
  type        = string
  default     = "private"
  description = "The network that the clients use"
}

variable "ssh_port" {
  type        = number
  default     = 22
  description = "Where SSH listens in the guests; 2222 in the embedded OpenStack"
}

variable "source_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where trovectl reaches the guests"
}

variable "allowed_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where clients reach the databases"
}
