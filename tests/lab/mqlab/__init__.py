"""The lab: real Postfix servers as hosts in network namespaces, a sink and an attacker."""
