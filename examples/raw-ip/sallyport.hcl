# Agents that know addresses instead of names: services claim IPs and networks. A
# secret goes only to an upstream that proves a name, so each states one.

gateway {
  wireguard {}
}

service "cluster_db" {
  protocol  = "postgres"
  hosts     = ["10.4.0.0/24:5432"]
  databases = ["app"]
  auth      = password("agent_ro", secret.cluster_db)
  tls       = { mode = "verify-full", server_name = "db.acme.dev" }
}

service "appliance" {
  hosts = ["10.30.4.7:8443", "[fd00::7]:8443"]
  auth  = header("X-Api-Key", secret.appliance)
  tls   = { server_name = "appliance.acme.dev" }
}

service "bastion" {
  protocol    = "tcp"
  description = "SSH to the jump host; judged at connect, its bytes are not read"
  hosts       = ["10.0.0.5:22"]
}

role "operators" {
  use = [service.cluster_db, service.appliance, service.bastion]
}

rule "the jump host is for working hours" {
  on      = [service.bastion]
  hours   = "mon-fri 08:00-18:00 Europe/Berlin"
  verdict = "allow"
}
