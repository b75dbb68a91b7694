@echo off
rem Puts Mailquench's agent on this host as a service; ends with 0 only once it has reached its controller.
rem See usage below and docs\windows.md. Every step may be broken off: the same call completes it.
setlocal EnableExtensions DisableDelayedExpansion
set "SERVICE=MailquenchAgent"
set "PORT=7443"
set "ENROL_PORT=7444"
set "WITHIN=60"
set "AGAIN="
set "CONTROLLER="
set "TOKEN="
set "NAME="
set "COPIED="
set "MADE="
rem Of the system, whatever PATH and the current folder hold.
set "SYSTEM=%SystemRoot%\System32"
rem In a 32-bit cmd %ProgramFiles% is the folder of 32-bit programs.
set "PROGRAMS=%ProgramFiles%"
if defined ProgramW6432 set "PROGRAMS=%ProgramW6432%"
set "FOLDER=%PROGRAMS%\Mailquench"
set "AGENT=%FOLDER%\mailquench-agent.exe"
set "STATE=%ProgramData%\mailquench-agent"
set "SOURCE=%~dp0mailquench-agent.exe"
set "KEY=HKLM\SYSTEM\CurrentControlSet\Services\%SERVICE%"

:arguments
set "WORD=%~1"
if not defined WORD goto arguments_end
if "%WORD%"=="/?" goto usage
if /i "%WORD%"=="/again" set "AGAIN=1" & goto next
if /i "%WORD:~0,6%"=="/port:" set "PORT=%WORD:~6%" & goto next
if /i "%WORD:~0,12%"=="/enrol-port:" set "ENROL_PORT=%WORD:~12%" & goto next
if /i "%WORD:~0,8%"=="/within:" set "WITHIN=%WORD:~8%" & goto next
if "%WORD:~0,1%"=="/" goto wrong
if not defined CONTROLLER set "CONTROLLER=%WORD%" & goto next
if not defined TOKEN set "TOKEN=%WORD%" & goto next
if not defined NAME set "NAME=%WORD%" & goto next
goto wrong
:next
shift
goto arguments
:arguments_end
if not defined CONTROLLER goto usage_wrong
call :number "%PORT%"
if not "%errorlevel%"=="0" goto usage_wrong
call :number "%ENROL_PORT%"
if not "%errorlevel%"=="0" goto usage_wrong
call :number "%WITHIN%"
if not "%errorlevel%"=="0" goto usage_wrong
set "ADDRESS=%CONTROLLER%:%PORT%"

set "ENROLLED="
if exist "%STATE%\identity.yaml" if exist "%STATE%\agent.pem" set "ENROLLED=1"
set "THERE="
"%SYSTEM%\reg.exe" query "%KEY%" /v ImagePath >nul 2>nul
if "%errorlevel%"=="0" set "THERE=1"

rem --- May this be done at all? Nothing is changed up to here.
if not defined AGAIN if defined ENROLLED goto may_write
if not defined TOKEN call :say "this host has no identity yet, so a token file is needed ('mailquench token create'); nothing was changed" & exit /b 1
if not exist "%TOKEN%" call :say "the token file '%TOKEN%' is not there; nothing was changed" & exit /b 1
:may_write
if defined THERE goto check_service
if not exist "%SOURCE%" call :say "mailquench-agent.exe is not beside this script, in '%~dp0'; nothing was changed" & exit /b 1
if exist "%FOLDER%\" goto probe
set "MADE=1"
md "%FOLDER%" 2>nul
:probe
set "PROBE=%FOLDER%\install.probe"
md "%PROBE%" 2>nul
if not exist "%PROBE%\" call :say "'%FOLDER%' cannot be written; run this as administrator; nothing was changed" & exit /b 1
rd "%PROBE%"

rem --- The program. No service runs it, so it is replaced, whatever an earlier run left.
call :protect
if not "%errorlevel%"=="0" goto undone
del /f /q "%AGENT%.copying" >nul 2>nul
copy /b /y "%SOURCE%" "%AGENT%.copying" >nul
if not exist "%AGENT%.copying" call :say "'%SOURCE%' cannot be copied into '%FOLDER%'; see the line above; nothing was installed" & goto undone
"%AGENT%.copying" --help >nul 2>nul
if "%errorlevel%"=="0" goto replace
del /f /q "%AGENT%.copying" >nul 2>nul
call :say "'%SOURCE%' does not run on this Windows; it is for 64-bit Windows from Server 2008 R2 on; nothing was installed"
goto undone
:replace
set "FRESH=1"
if exist "%AGENT%" set "FRESH="
del /f /q "%AGENT%" >nul 2>nul
if exist "%AGENT%" call :say "'%AGENT%' runs, though not as the service, and cannot be replaced; end it and run this again; nothing was changed" & goto undone
move /y "%AGENT%.copying" "%AGENT%" >nul
if not exist "%AGENT%" call :say "'%AGENT%.copying' cannot be renamed; run this again; nothing else was changed" & exit /b 1
if defined FRESH set "COPIED=1"

rem --- The identity.
if defined ENROLLED if not defined AGAIN goto service
call :enrol
if not "%errorlevel%"=="0" goto undone

:service
"%AGENT%" service install --name "%SERVICE%" --state-dir "%STATE%" --controller "%ADDRESS%"
if not "%errorlevel%"=="0" call :say "the service was not made, see the line above; program and identity stay; run this again" & exit /b 1
rem Of an upgrade whose service was taken away: the next one would go on with it. Here the agent has seen that the folder is ours.
del /f /q "%STATE%\upgrade" >nul 2>nul
goto start

rem --- The service is there: nothing of it is replaced.
:check_service
if not exist "%AGENT%" call :say "the service %SERVICE% is there, but not its program '%AGENT%'; run upgrade.cmd, which completes what was broken off; nothing was changed" & exit /b 1
"%SYSTEM%\reg.exe" query "%KEY%" /v ImagePath | "%SYSTEM%\find.exe" "--controller %ADDRESS%" >nul
if not "%errorlevel%"=="0" call :say "the service %SERVICE% is there for another controller than %ADDRESS%; run uninstall.cmd first; nothing was changed" & exit /b 1
if defined AGAIN goto enrol_again
if not defined ENROLLED goto enrol_again
call :reached
if not "%errorlevel%"=="0" goto start
call :left_token
echo install.cmd: it is installed already and has reached the controller; nothing was changed ^(upgrade.cmd puts another version in its place^)
exit /b 0
:enrol_again
"%AGENT%" service stop --name "%SERVICE%"
if not "%errorlevel%"=="0" call :say "the service does not stop, see the line above; nothing else was changed; run this again" & exit /b 1
call :enrol
if "%errorlevel%"=="0" goto start
if not defined ENROLLED exit /b 1
"%AGENT%" service start --name "%SERVICE%"
call :say "the identity was left as it was, and the service was started with it again"
exit /b 1

:start
call :left_token
"%AGENT%" service start --name "%SERVICE%"
if not "%errorlevel%"=="0" call :say "the service is there but does not start, see the line above and '%STATE%\agent.log'; run this again, or uninstall.cmd" & exit /b 1
set /a LEFT=%WITHIN%
:wait
call :reached
if "%errorlevel%"=="0" goto done
if %LEFT% LEQ 0 goto silent
set /a LEFT-=1
rem A second; timeout.exe wants a console.
"%SYSTEM%\ping.exe" -n 2 127.0.0.1 >nul
goto wait
:silent
call :say "the service runs, but has not reached %ADDRESS% within %WITHIN% s; it goes on trying. Look into '%STATE%\agent.log' and at the way to that port; if this host was off for more than 7 days, its certificate has ended: 'mailquench host evict', then this with a new token and /again"
exit /b 1
:done
"%AGENT%" service status --name "%SERVICE%"
echo install.cmd: installed; the host has reached its controller %ADDRESS%
exit /b 0

rem ---------------------------------------------------------------- parts

rem 0 where the process that runs now has reached the controller.
:reached
"%AGENT%" service status --name "%SERVICE%" 2>nul | "%SYSTEM%\find.exe" "reached the controller first" >nul
if not "%errorlevel%"=="0" exit /b 1
"%AGENT%" service status --name "%SERVICE%" 2>nul | "%SYSTEM%\find.exe" "in an earlier process" >nul
if "%errorlevel%"=="0" exit /b 1
exit /b 0

rem The token is good for one use: its file goes with it.
:enrol
if not defined NAME "%AGENT%" enrol --state-dir "%STATE%" --controller "%CONTROLLER%:%ENROL_PORT%" --token-file "%TOKEN%"
if defined NAME "%AGENT%" enrol --state-dir "%STATE%" --controller "%CONTROLLER%:%ENROL_PORT%" --token-file "%TOKEN%" --name "%NAME%"
if not "%errorlevel%"=="0" call :say "this host was not enrolled, see the line above; the token file was left; with the same token, or a new one, run this again" & exit /b 1
set "ENROLLED=1"
del /f /q "%TOKEN%" >nul 2>nul
if exist "%TOKEN%" call :say "the host is enrolled, but the token file '%TOKEN%' cannot be deleted; delete it, it is of no use to anybody"
set "TOKEN="
exit /b 0

:left_token
if not defined TOKEN exit /b 0
if exist "%TOKEN%" call :say "this host has an identity already; the token was not used and '%TOKEN%' was left: delete it, or revoke it with 'mailquench token revoke'"
set "TOKEN="
exit /b 0

rem Administrators and SYSTEM write there, Users run what is there; by number, since names are translated.
:protect
"%SYSTEM%\icacls.exe" "%FOLDER%" /inheritance:r /grant:r "*S-1-5-32-544:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-545:(OI)(CI)RX" /q >nul
if not "%errorlevel%"=="0" call :say "the rights of '%FOLDER%' cannot be set, see the line above; nothing was installed" & exit /b 1
"%SYSTEM%\icacls.exe" "%FOLDER%" /setowner "*S-1-5-32-544" /q >nul
if not "%errorlevel%"=="0" call :say "'%FOLDER%' cannot be given to Administrators, see the line above: it stays with whoever made it; this goes on"
exit /b 0

rem What this run has put there and nothing else.
:undone
if defined COPIED del /f /q "%AGENT%" >nul 2>nul
if defined COPIED call :say "the program was taken away again: nothing is installed"
del /f /q "%AGENT%.copying" >nul 2>nul
if defined MADE rd "%FOLDER%" >nul 2>nul
exit /b 1

:number
rem At most five digits, and no leading zero, which "set /a" takes for octal.
set "BAD=%~1"
if not defined BAD exit /b 1
if "%BAD:~0,1%"=="0" exit /b 1
if not "%BAD:~5%"=="" exit /b 1
set "BAD="
for /f "delims=0123456789" %%c in ("%~1") do set "BAD=1"
if defined BAD exit /b 1
exit /b 0

:say
set "TEXT=%~1"
setlocal EnableDelayedExpansion
>&2 echo install.cmd: !TEXT!
endlocal
exit /b 0

:wrong
>&2 echo install.cmd: unknown word "%WORD%"; nothing was changed
:usage_wrong
call :help >&2
exit /b 1
:usage
call :help
exit /b 0
:help
echo Puts the agent of Mailquench on this host as a service. Run it as administrator, from the folder that holds mailquench-agent.exe.
echo.
echo   install.cmd CONTROLLER [TOKENFILE [NAME]] [/port:7443] [/enrol-port:7444] [/within:60] [/again]
echo.
echo   CONTROLLER   name or address of the controller
echo   TOKENFILE    file with a token of 'mailquench token create'; it is deleted once it was used. Not needed where this host has an identity
echo   NAME         what the host is to be called; else its own name
echo   /within:S    seconds that the agent has to reach the controller
echo   /again       enrol anew although there is an identity ^('mailquench host evict' first^)
echo.
echo Ends with 0 once the agent has reached the controller, or had before; with 1 otherwise, having said what was left how. Run it again then.
exit /b 0
