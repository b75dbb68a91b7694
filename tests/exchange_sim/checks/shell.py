"""The command line, the language and the utility cmdlets of 5.1."""
import json


def cases(Case, world, Transport, SNAPIN):
    class Shell(Case):
        @classmethod
        def setUpClass(cls):
            cls.world = world('EX1,EX2019,Mailbox,address=127.0.0.1,ports=25+21000')

        def test_command_lines(self):
            for arguments in (['-nop', '-noni', '-ex', 'bypass', '-c', '1+1'], ['/NoProfile', '-COMMAND', '1+1'], ['-noprofi', '1+1']):
                done = self.world.start(arguments)
                self.assertEqual((b'2\n', 0), (done.stdout.replace(b'\r', b''), done.returncode), arguments)
            self.assertEqual(0xFFFD0000 & 0xFF, self.world.start(['-NoSuchThing']).returncode)
            self.assertEqual(7, self.world.run('exit 7').returncode)
            self.assertEqual(1, self.world.run('throw "x"').returncode)

        def test_commands_from_standard_input(self):
            done = self.world.start(['-NoProfile', '-Command', '-'], stdin=b'$x = 3\nif ($x -eq 3) {\n  "yes"\n}\n\n[Console]::In.ReadLine()\nthe line\n"end"\n')
            self.assertEqual([b'yes', b'the line', b'end'], done.stdout.replace(b'\r', b'').strip().split(b'\n'))

        def test_a_script_reads_what_is_piped_to_it(self):
            done = self.world.run('[Console]::OutputEncoding = [Text.Encoding]::UTF8; [Console]::InputEncoding = [Text.Encoding]::UTF8; while ($null -ne ($l = [Console]::In.ReadLine())) { [Console]::Out.WriteLine("<$l>") }',
                                  stdin='ä\nb\n'.encode())
            self.assertEqual('<ä>\n<b>\n'.encode(), done.stdout.replace(b'\r', b''))

        def test_output_is_the_oem_code_page_until_it_is_set(self):
            self.assertEqual(b'\x84', self.world.run('[Console]::Out.Write("ä")').stdout)

        def test_newer_syntax_is_refused_before_anything_runs(self):
            for text in ('$null ?? 1', '$x ??= 1', '1 && 2', '1 || 2', '$true ? 1 : 2', '${x}?.y', '${x}?[0]', '& { & { $null ?? 1 } }', '"$($null ?? 1)"'):
                done = self.world.run('"ran"; ' + text)
                self.assertEqual((b'', 1), (done.stdout, done.returncode), text)
                self.assertIn(b'Unexpected token', done.stderr.replace(b'\n', b' '), text)

        def test_version_and_policy_and_language_mode(self):
            facts = self.world.json('@{v=[string]$PSVersionTable.PSVersion; e=$PSVersionTable.PSEdition; p=Get-ExecutionPolicy; '
                                    'm=[string]$ExecutionContext.SessionState.LanguageMode; b=[Environment]::Is64BitProcess} | ConvertTo-Json')
            self.assertTrue(facts['v'].startswith('5.1.'), facts)
            self.assertEqual(('Desktop', 'FullLanguage', True), (facts['e'], facts['m'], facts['b']))
            self.world.write('EX1', 'shell.json', {'language_mode': 'ConstrainedLanguage', 'execution_policy': 'AllSigned', 'is_64_bit': False})
            try:
                facts = self.world.json('@{p=Get-ExecutionPolicy; m=[string]$ExecutionContext.SessionState.LanguageMode; b=[Environment]::Is64BitProcess} | ConvertTo-Json')
                self.assertEqual({'p': 'AllSigned', 'm': 'ConstrainedLanguage', 'b': False}, facts)
                self.assertIn(b'Cannot invoke method', self.world.run('[Console]::Out.WriteLine("x")').stderr)
                self.assertIn(b'not digitally signed', self.world.run('. "$env:ExchangeInstallPath/Bin/Exchange.ps1"').stderr.replace(b'\n', b' '))
            finally:
                self.world.write('EX1', 'shell.json', {})

        def test_json_is_that_of_5_1(self):
            def of(text):
                return self.world.run('[Console]::Out.Write((%s))' % text).stdout.decode('cp437')
            self.assertEqual('"\\u0027\\u003c\\u003e\\u0026"', of('ConvertTo-Json -InputObject "\'<>&" -Compress'))
            self.assertEqual('"\\/Date(1577836800000)\\/"', of('ConvertTo-Json -InputObject ([datetime]::SpecifyKind("2020-01-01", "Utc")) -Compress'))
            self.assertEqual('1', of('@(1) | ConvertTo-Json -Compress'))
            self.assertEqual('[1]', of('ConvertTo-Json -InputObject @(1) -Compress'))
            self.assertEqual('{"a":{"b":{"c":"System.Collections.Hashtable"}}}', of('@{a=@{b=@{c=@{d=1}}}} | ConvertTo-Json -Compress'))
            self.assertEqual('2', of('[ConsoleColor]::DarkGreen | ConvertTo-Json -Compress'))
            self.assertIn(b"parameter name 'AsArray'", self.world.run('1 | ConvertTo-Json -AsArray').stderr)
            self.assertEqual('True', of('((ConvertFrom-Json \'[1,2]\') -is [array])'))

        def test_nobody_answers_a_prompt(self):
            done = self.world.run('$Host.UI.PromptForChoice("a", "b", @(), 0)')
            self.assertIn(b'NonInteractive mode', done.stderr)

        def test_select(self):
            rows = self.world.json('@(@{n=1},@{n=3},@{n=2} | %% { [pscustomobject]$_ }) | Sort-Object n -Descending | Select-Object -First 2 -Property @{Name="m";Expression={$_.n * 2}} | ConvertTo-Json'.replace('%%', '%'))
            self.assertEqual([{'m': 6}, {'m': 4}], rows)

    return [Shell]
