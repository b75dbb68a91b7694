"""Connectors, permissions, domains, rules, component states, Windows' own."""


def cases(Case, world, Transport, SNAPIN):
    class Objects(Case):
        def setUp(self):
            self.world = world('EX1,EX2019,Mailbox,dag=DAG1,address=127.0.0.1,ports=25+21000', 'EX2,EX2019,Mailbox,dag=DAG1,address=127.0.0.2,ports=25+21000')

        def groups(self, name):
            return self.world.json('''$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
ConvertTo-Json -InputObject ([string](Invoke-Command $s { Get-ReceiveConnector "%s" }).PermissionGroups)''' % name)

        def test_receive_connectors(self):
            self.assertEqual(10, len(self.works(self.world.ask('Get-ReceiveConnector'))['rows']))
            self.assertEqual(5, len(self.works(self.world.ask('Get-ReceiveConnector -Server EX2'))['rows']))
            self.assertEqual(10, len(self.works(self.world.ask('Get-ReceiveConnector -Identity ""'))['rows']))
            for bad in ('-AuthMechanism "Tls, BasicAuthRequireTLS"', '-AuthMechanism "ExternalAuthoritative, BasicAuth"', '-AuthMechanism Nonsense', '-AuthMechanism "None, Tls"',
                        '-PermissionGroups Everybody', '-PermissionGroups Custom', '-Bindings nonsense', '-MaxMessageSize big', '-Bindings "127.0.0.1:23525" -TransportRole HubTransport'):
                before = self.world.organisation()
                answer = self.world.ask('Set-ReceiveConnector "EX1\\Client Frontend EX1" ' + bad)
                self.assertTrue(answer['errors'], bad)
                self.assertEqual(before, self.world.organisation(), bad)
            self.works(self.world.ask('Set-ReceiveConnector "EX1\\Client Frontend EX1" -Enabled:$false -AuthMechanism "Tls,Integrated" -MaxMessageSize 10MB -ConnectionTimeout 00:20:00'))
            connector = next(one for one in self.world.organisation()['servers']['EX1']['receive_connectors'] if one['Name'] == 'Client Frontend EX1')
            self.assertEqual((False, 'Tls, Integrated', '10 MB (10,485,760 bytes)', '00:20:00'), tuple(connector[key] for key in ('Enabled', 'AuthMechanism', 'MaxMessageSize', 'ConnectionTimeout')))
            again = self.works(self.world.ask('Set-ReceiveConnector "EX1\\Client Frontend EX1" -Enabled:$false'))
            self.assertIn('no settings', again['warnings'][0])
            self.works(self.world.ask('New-ReceiveConnector -Name Relay -Server EX1 -TransportRole FrontendTransport -Bindings 127.0.0.1:21025 -RemoteIPRanges 10.0.0.1 -Usage Custom'))
            self.fails(self.world.ask('New-ReceiveConnector -Name Relay2 -Server EX1 -TransportRole FrontendTransport -Bindings 127.0.0.1:21025 -RemoteIPRanges 10.0.0.1 -Usage Custom'), 'ConnectorMappingConflict')
            self.fails(self.world.ask('Remove-ReceiveConnector "EX1\\Relay"'), 'PSInvalidOperationException')
            self.works(self.world.ask('Remove-ReceiveConnector "EX1\\Relay" -Confirm:$false'))

        def test_permissions(self):
            relay = '-User "NT AUTHORITY\\ANONYMOUS LOGON" -ExtendedRights ms-Exch-SMTP-Accept-Any-Recipient'
            name = 'EX1\\Default Frontend EX1'
            presets = 'AnonymousUsers, ExchangeServers, ExchangeLegacyServers'
            self.assertEqual(presets, self.groups(name))
            self.fails(self.world.ask('Remove-ADPermission "%s" %s' % (name, relay)), 'PSInvalidOperationException')
            self.assertIn("isn't present", self.works(self.world.ask('Remove-ADPermission "%s" %s -Confirm:$false' % (name, relay)))['warnings'][0])
            self.works(self.world.ask('Add-ADPermission "%s" %s' % (name, relay)))
            self.assertEqual(presets + ', Custom', self.groups(name))
            rows = self.works(self.world.ask('Get-ReceiveConnector "%s" | Get-ADPermission -User "ANONYMOUS LOGON"' % name))['rows']
            rights = [right for row in rows for right in row['ExtendedRights'] or []]
            self.assertIn('ms-Exch-SMTP-Accept-Any-Recipient', rights)
            self.assertIn('ms-Exch-SMTP-Submit', rights)
            self.works(self.world.ask('Set-ReceiveConnector "%s" -PermissionGroups ExchangeServers,ExchangeLegacyServers' % name))
            self.assertEqual('ExchangeServers, ExchangeLegacyServers, Custom', self.groups(name))
            self.works(self.world.ask('Remove-ADPermission "%s" %s -Confirm:$false' % (name, relay)))
            self.works(self.world.ask('Set-ReceiveConnector "%s" -PermissionGroups AnonymousUsers,ExchangeServers,ExchangeLegacyServers' % name))
            self.assertEqual(presets, self.groups(name))
            self.fails(self.world.ask('Get-ADPermission "NoSuch"'), 'ManagementObjectNotFound')

        def test_component_states(self):
            def state(component='HubTransport'):
                row = self.works(self.world.ask('Get-ServerComponentState EX1 -Component ' + component))['rows'][0]
                return row['State'].get('Value', row['State']) if isinstance(row['State'], dict) else row['State']
            put = 'Set-ServerComponentState EX1 -Component HubTransport -Requester %s -State %s'
            self.works(self.world.ask(put % ('Maintenance', 'Draining')))
            self.assertEqual('Draining', state())
            self.works(self.world.ask(put % ('HealthAPI', 'Inactive')))
            self.works(self.world.ask(put % ('Maintenance', 'Active')))
            self.assertEqual('Inactive', state(), 'another requester holds it')
            self.works(self.world.ask(put % ('HealthAPI', 'Active') + ' -RemoteOnly'))
            self.assertEqual('Inactive', state(), 'the registry still says so')
            self.works(self.world.ask(put % ('HealthAPI', 'Active') + ' -LocalOnly'))
            self.assertEqual('Active', state())
            self.assertEqual({'Maintenance': 'Active', 'HealthAPI': 'Active'}, self.world.organisation()['servers']['EX1']['components']['HubTransport'])
            self.works(self.world.ask('Set-ServerComponentState EX1 -Component ServerWideOffline -Requester Functional -State Inactive'))
            self.assertEqual('Inactive', state())
            self.assertEqual('Inactive', state('ForwardSyncDaemon'))
            self.fails(self.world.ask(put.replace('HubTransport', 'Nothing') % ('Maintenance', 'Active')), 'ParameterBinding')
            texts = self.world.json('''$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
ConvertTo-Json -InputObject @((Invoke-Command $s { Get-ServerComponentState EX1 -Component HubTransport }).LocalStates | % { [string]$_ })''')
            self.assertRegex(texts[0], r'^Requestor:\w+; State:Active; Timestamp:')

        def test_domains_and_configuration(self):
            self.works(self.world.ask('Set-RemoteDomain Default -NDREnabled:$false -AutoReplyEnabled:$true'))
            self.assertEqual((False, True), tuple(self.world.organisation()['remote_domains'][0][key] for key in ('NDREnabled', 'AutoReplyEnabled')))
            self.works(self.world.ask('New-RemoteDomain -Name Partner -DomainName partner.test'))
            self.fails(self.world.ask('New-RemoteDomain -Name Partner2 -DomainName partner.test'), 'DuplicateDomain')
            self.works(self.world.ask('Set-TransportConfig -ShadowRedundancyEnabled:$false -ShadowHeartbeatFrequency 00:01:00'))
            self.assertEqual((False, '00:01:00'), tuple(self.world.organisation()['transport_config'][key] for key in ('ShadowRedundancyEnabled', 'ShadowHeartbeatFrequency')))
            row = self.works(self.world.ask('Get-TransportService EX1'))['rows'][0]
            self.assertTrue(row['MessageTrackingLogEnabled'])
            self.works(self.world.ask('Set-TransportService EX1 -MaxConnectionRatePerMinute 60'))
            self.assertEqual(60, self.world.organisation()['servers']['EX1']['transport_service']['MaxConnectionRatePerMinute'])
            self.works(self.world.ask('Set-SendConnector Internet -Enabled:$false'))
            self.works(self.world.ask('Set-SendConnector Internet -SmartHosts relay.example.net -DNSRoutingEnabled:$false -Port 587 -Fqdn out.contoso.test'))
            self.fails(self.world.ask('Set-SendConnector Internet -DNSRoutingEnabled:$true'), 'SmartHostsAndDns')
            self.fails(self.world.ask('Set-SendConnector Internet -SmartHosts $null'), 'NoSmartHosts')
            self.fails(self.world.ask('Set-SendConnector Internet -SmartHostAuthMechanism BasicAuth'), 'NoCredential')
            self.fails(self.world.ask('Set-SendConnector Internet -SourceIPAddress 192.0.2.1'), 'ParameterBinding')
            self.works(self.world.ask('Set-SendConnector Internet -SmartHosts $null -DNSRoutingEnabled:$true -Port 25 -Fqdn $null'))
            self.fails(self.world.ask('Set-SendConnector Internet -DNSRoutingEnabled:$false'), 'NoSmartHosts')
            self.assertEqual(['EX1', 'EX2'], self.works(self.world.ask('Get-DatabaseAvailabilityGroup DAG1'))['rows'][0]['Servers'])
            self.assertTrue(self.works(self.world.ask('Get-EventLogLevel'))['rows'])
            self.assertTrue(self.works(self.world.ask('Test-ServiceHealth'))['rows'])

        def test_what_if_changes_nothing(self):
            before = self.world.organisation()
            for text in ('Set-RemoteDomain Default -NDREnabled:$false -WhatIf', 'Set-ServerComponentState EX1 -Component HubTransport -Requester Maintenance -State Draining -WhatIf',
                         'New-TransportRule -Name x -DeleteMessage:$true -WhatIf', 'Remove-SendConnector Internet -WhatIf'):
                self.works(self.world.ask(text))
            self.assertEqual(before, self.world.organisation())

        def test_transport_rules(self):
            self.works(self.world.ask('New-TransportRule -Name one -From anna@contoso.test -SentToScope NotInOrganization -RejectMessageReasonText "no more" -RejectMessageEnhancedStatusCode 5.7.1'))
            self.works(self.world.ask('New-TransportRule -Name two -SubjectContainsWords spam -DeleteMessage:$true -Priority 0 -Enabled:$false'))
            rules = self.world.organisation()['transport_rules']
            self.assertEqual([('two', 0, 'Disabled'), ('one', 1, 'Enabled')], [(rule['Name'], rule['Priority'], rule['State']) for rule in rules])
            self.works(self.world.ask('Enable-TransportRule two'))
            self.fails(self.world.ask('Disable-TransportRule one'), 'PSInvalidOperationException')
            self.works(self.world.ask('Disable-TransportRule one -Confirm:$false'))
            self.assertEqual(['Enabled', 'Disabled'], [rule['State'] for rule in self.world.organisation()['transport_rules']])
            self.fails(self.world.ask('New-TransportRule -Name three -From nobody@contoso.test -DeleteMessage:$true'), 'RecipientNotFound')
            self.fails(self.world.ask('New-TransportRule -Name three -From anna@contoso.test'), 'ArgumentException')
            self.fails(self.world.ask('New-TransportRule -Name three -RejectMessageReasonText x -RejectMessageEnhancedStatusCode 5.1.1'), 'ParameterBinding')
            self.fails(self.world.ask('New-TransportRule -Name one -DeleteMessage:$true'), 'ADObjectAlreadyExists')
            self.works(self.world.ask('Remove-TransportRule two -Confirm:$false'))
            self.assertEqual([('one', 0)], [(rule['Name'], rule['Priority']) for rule in self.world.organisation()['transport_rules']])

        def test_windows_own(self):
            done = self.world.run('''$r = New-NetFirewallRule -Name mq -DisplayName Mailquench -Direction Outbound -Action Block -Program "C:\\x.exe" -Protocol TCP -RemotePort 25
[string]$r.Action; (Get-NetFirewallRule -DisplayName Mailquench | Get-NetFirewallApplicationFilter).Program; New-NetFirewallRule -Name mq -DisplayName Mailquench -ErrorAction SilentlyContinue; $error[0].CategoryInfo.Category
Remove-NetFirewallRule -Name mq; Get-NetFirewallRule -Name mq -ErrorAction SilentlyContinue; $error[0].FullyQualifiedErrorId
Add-MpPreference -ExclusionPath C:\\q; (Get-MpPreference).ExclusionPath''')
            self.assertEqual(['Block', 'C:\\x.exe', 'ResourceExists', 'CmdletizationQuery_NotFound_InstanceID,Get-NetFirewallRule', 'C:\\q'], done.stdout.decode().split())

    return [Objects]
