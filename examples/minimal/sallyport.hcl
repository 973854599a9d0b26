# The smallest gateway that is of use: agents may work with GitHub. Reads pass,
# writes ask a person, destructive calls are refused.

gateway {
  wireguard {
    listen = ":51820"
    # endpoint = "gw.example.com:51820" # what agents dial, if not this host's own address
  }
}

service "github" {}

role "everyone" {
  use = [service.github]
}
