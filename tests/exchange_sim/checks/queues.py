"""Queues and messages, of a transport that is made up."""
import os


def cases(Case, world, Transport, SNAPIN):
    class Queues(Case):
        @classmethod
        def setUpClass(cls):
            cls.world = world('EX1,EX2019,Mailbox,address=127.0.0.1,ports=25+21000')

        def setUp(self):
            self.transport = Transport(self.world.path('servers', 'EX1'))
            self.addCleanup(self.transport.end)
            self.transport.queues = [
                {'Identity': 'EX1\\Submission', 'DeliveryType': 'Undefined', 'NextHopDomain': 'Submission', 'NextHopCategory': 'Internal', 'Status': 'Ready', 'MessageCount': 1, 'Velocity': 0.0},
                {'Identity': 'EX1\\3', 'DeliveryType': 'DnsConnectorDelivery', 'NextHopDomain': 'example.test', 'NextHopCategory': 'External', 'Status': 'Retry', 'MessageCount': 12, 'Velocity': -2.5,
                 'LastError': "it's 451", 'NextRetryTime': '2026-01-02T03:04:05Z'},
                {'Identity': 'EX1\\Shadow\\4', 'DeliveryType': 'ShadowRedundancy', 'NextHopDomain': 'ex2.contoso.test', 'NextHopCategory': 'Internal', 'Status': 'Ready', 'MessageCount': 0, 'Velocity': 0.0}]
            self.transport.messages = [
                {'Identity': 'EX1\\Submission\\11', 'Queue': 'EX1\\Submission', 'Subject': 's', 'FromAddress': 'a@x', 'Status': 'Ready', 'Size': 2048},
                {'Identity': 'EX1\\3\\12', 'Queue': 'EX1\\3', 'Subject': "it's", 'FromAddress': '<>', 'Status': 'Suspended', 'MessageSourceName': 'DSN', 'SCL': 5, 'Recipients': [{'Address': 'b@y'}]},
                {'Identity': 'EX1\\3\\13', 'Queue': 'EX1\\3', 'Subject': 'offer', 'FromAddress': 'a@x', 'Status': 'Active', 'SCL': 9}]

        def names(self, text):
            return [row['Identity'] for row in self.works(self.world.ask(text))['rows']]

        def test_which_queues(self):
            for text, wanted in (('Get-Queue', 3), ('Get-Queue EX1\\3', 1), ('Get-Queue 3', 1), ('Get-Queue example.test', 1), ('Get-Queue EX1\\Shadow\\4', 1), ('Get-Queue EX1\\*', 3), ('Get-Queue -Server EX1', 3),
                                 ('Get-Queue -Filter "MessageCount -gt 5"', 1), ('Get-Queue -Filter "MessageCount -ge 0 -and Status -eq \'Ready\'"', 2), ('Get-Queue -Filter "Velocity -lt 0"', 1),
                                 ('Get-Queue -Filter "LastError -like \'*it\'\'s*\'"', 1), ('Get-Queue -Filter "NextRetryTime -lt \'2026-02-01\'"', 1), ('Get-Queue -Exclude ShadowRedundancy', 2),
                                 ('Get-Queue -Include External', 1), ('Get-Queue -Exclude Empty', 2), ('Get-Queue -Identity ""', 3), ('Get-Queue -ResultSize 2', 2),
                                 ('Get-Queue -BookmarkObject EX1\\3 -IncludeBookmark:$false', 1), ('Get-Queue -SortOrder -MessageCount', 3)):
                self.assertEqual(wanted, len(self.names(text)), text)
            self.assertEqual(['EX1\\3', 'EX1\\Submission', 'EX1\\Shadow\\4'], self.names('Get-Queue -SortOrder -MessageCount'))

        def test_filters_that_mean_nothing(self):
            for text in ('NoSuch -eq 1', 'MessageCount -foo 1', 'MessageCount -gt', "Status -eq 'Sleeping'", "Status -gt 'Ready'", 'NextHopDomain -eq bare', "MessageCount -gt 1 -or Status -eq 'Ready'",
                         "NextHopDomain -eq 'open", '', "(MessageCount -gt 1)", 'MessageCount -gt 1 -and', "Identity -eq 'x'"):
                self.assertTrue(self.world.ask('Get-Queue -Filter "%s"' % text)['errors'], text)
            self.fails(self.world.ask('Get-Queue EX1\\77'), 'ManagementObjectNotFound')

        def test_types_of_a_queue(self):
            facts = self.world.json('''$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
$q = Invoke-Command $s { Get-Queue EX1\\3 }
ConvertTo-Json -Compress @{ t=$q.PSObject.TypeNames[0]; status=[string]$q.Status; velocity=$q.Velocity; count=$q.MessageCount; when=$q.NextRetryTime.ToUniversalTime().ToString('o'); none=$q.LastRetryTime; category=[string]$q.NextHopCategory }''')
            self.assertEqual({'t': 'Deserialized.Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo', 'status': 'Retry', 'velocity': -2.5, 'count': 12,
                              'when': '2026-01-02T03:04:05.0000000Z', 'none': None, 'category': 'External'}, facts)

        def test_which_messages(self):
            for text, wanted in (('Get-Message', 3), ('Get-Message EX1\\3\\12', 1), ('Get-Message EX1\\*\\13', 1), ('Get-Message 13', 1), ('Get-Message -Queue EX1\\3', 2), ('Get-Message -Queue example.test', 2),
                                 ('Get-Message -Filter "FromAddress -eq \'<>\'"', 1), ('Get-Message -Filter "SCL -gt 6"', 1), ('Get-Message -Filter "Subject -like \'*\'\'s\'"', 1)):
                self.assertEqual(wanted, len(self.names(text)), text)
            self.assertIsNone(self.works(self.world.ask('Get-Message EX1\\3\\12'))['rows'][0]['Recipients'])
            self.assertTrue(self.works(self.world.ask('Get-Message EX1\\3\\12 -IncludeRecipientInfo'))['rows'][0]['Recipients'])

        def test_more_than_a_thousand(self):
            self.transport.messages = [{'Identity': 'EX1\\3\\%d' % at, 'Queue': 'EX1\\3', 'Status': 'Ready', 'FromAddress': 'a@x'} for at in range(1200)]
            answer = self.works(self.world.ask('Get-Message'))
            self.assertEqual((1000, 1), (len(answer['rows']), len(answer['warnings'])))
            self.assertIn('ResultSize', answer['warnings'][0])
            answer = self.works(self.world.ask('Get-Message -ResultSize Unlimited'))
            self.assertEqual((1200, 0), (len(answer['rows']), len(answer['warnings'])))

        def test_what_is_done_to_them(self):
            for text in ('Suspend-Queue EX1\\3', 'Remove-Message EX1\\3\\12', 'Retry-Queue EX1\\3', 'Resume-Queue EX1\\3', 'Suspend-Message EX1\\3\\12'):
                self.fails(self.world.ask(text), 'PSInvalidOperationException')
            self.assertEqual([], [one for one in self.transport.asked if one['do'] not in ('queues', 'messages')])
            self.works(self.world.ask('Suspend-Queue EX1\\3 -Confirm:$false'))
            self.works(self.world.ask('Suspend-Queue -Filter "MessageCount -gt 0" -Confirm:$false'))
            self.assertEqual(['EX1\\3', 'EX1\\Submission', 'EX1\\3'], [one['queue'] for one in self.transport.did('suspend-queue')])
            self.fails(self.world.ask('Suspend-Queue -Confirm:$false -Server EX1'), 'MissingMandatoryParameter')
            self.fails(self.world.ask('Suspend-Queue EX1\\* -Confirm:$false'), 'LocalizedException')
            self.works(self.world.ask('Retry-Queue EX1\\3 -Resubmit:$true -Confirm:$false'))
            self.assertEqual([True], [one['resubmit'] for one in self.transport.did('retry-queue')])
            self.fails(self.world.ask('Remove-Message EX1\\Submission\\11 -Confirm:$false'), 'LocalizedException')
            answer = self.world.ask('Remove-Message -Filter "Status -ne \'Retry\'" -WithNDR:$false -Confirm:$false')
            self.assertEqual(2, len(answer['errors']), 'Submission, and the one that the transport refuses')
            self.assertEqual([('EX1\\3\\12', False), ('EX1\\3\\13', False)], [(one['message'], one['ndr']) for one in self.transport.did('remove-message')])

        def test_export(self):
            target = self.world.path('one.eml')
            self.fails(self.world.ask('Export-Message EX1\\3\\13 -Confirm:$false'), 'LocalizedException')
            done = self.world.run('''. "$env:ExchangeInstallPath/Bin/Exchange.ps1"
$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
Invoke-Command $s { Export-Message EX1\\3\\12 -Confirm:$false } | AssembleMessage -Path "%s"''' % target)
            self.assertEqual(b'', done.stderr)
            self.assertEqual(70014, os.path.getsize(target))

        def test_a_transport_that_does_not_run(self):
            self.transport.end()
            answer = self.fails(self.world.ask('Get-Queue'), 'LocalizedException')
            self.assertIn("isn't running", answer['texts'][0])

        def test_tracking(self):
            folder = self.world.path('servers', 'EX1', 'TransportRoles', 'Logs', 'MessageTracking')
            with open(os.path.join(folder, 'MSGTRK20261126-1.log'), 'w', encoding='utf-8') as file:
                file.write('#Software: Microsoft Exchange Server\n#Fields: date-time,client-ip,event-id,source,sender-address,recipient-address,message-subject,total-bytes\n'
                           '2026-11-26T01:00:00.000Z,10.0.0.1,RECEIVE,SMTP,a@x,b@y;c@y,"one, two",100\n2026-11-26T02:00:00.000Z,10.0.0.1,SEND,SMTP,a@x,b@y,x,100\n2026-11-26T03')
            rows = self.works(self.world.ask('Get-MessageTrackingLog -EventId RECEIVE -Start "2026-11-26 00:30"'))['rows']
            self.assertEqual([('RECEIVE', 'a@x', ['b@y', 'c@y'], 'one, two')], [(row['EventId'], row['Sender'], row['Recipients'], row['MessageSubject']) for row in rows])
            self.assertEqual([], self.works(self.world.ask('Get-MessageTrackingLog -Sender nobody@x'))['rows'])

    return [Queues]
