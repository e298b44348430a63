variable "env" {
  type        = string
  description = "Which environment: stage or prod"

  validation {
    condition     = contains(["stage", "prod"], var.env)
    error_message = "There are two environments: stage and prod."
  }
}

variable "cloud" {
  type        = string
  description = "The entry of clouds.yaml that holds the databases"
}

variable "flavor" {
  type        = string
  description = "The size of the machine"
}

variable "volume_size" {
  type        = number
  description = "Of the data volume, in GiB"
}

variable "max_connections" {
  type        = number
  default     = 100
  description = "How many clients at once"
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
  description = "From where the runners reach the guests"
}

variable "allowed_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where clients reach the database"
}

# A secret of the environment in CI: TROVE_VAR_app_password.
variable "app_password" {
  type        = string
  sensitive   = true
  description = "Of the user app"
}
