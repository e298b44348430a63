variable "cloud" {
  type        = string
  default     = "dev"
  description = "The entry of clouds.yaml"
}

variable "flavor" {
  type        = string
  default     = "db.tiny"
  description = "The size of the machine"
}

variable "images" {
  type        = map(string)
  default     = {}
  description = "The images by version, where they are not called ENGINE-VERSION"
}

variable "network" {
  type        = string
  default     = "private"
  description = "The network that the clients use"
}

variable "availability_zone" {
  type        = string
  default     = null
  description = "The zone of the machine; the cloud chooses one when there is none"
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
  description = "From where clients reach the server"
}

# Passwords have no default: TROVE_VAR_app_password and TROVE_VAR_report_password. A plan works without them.
variable "app_password" {
  type        = string
  sensitive   = true
  description = "Of the user app"
}

variable "report_password" {
  type        = string
  sensitive   = true
  description = "Of the user report"
}
